"""The schema of a config: one module per group of settings; `Config` combines them."""

from catsdogs_exp.config.schema.config import (
    FLAT_KEYS,
    RESIZES,
    VARIANTS,
    ActivationSettings,
    Augment,
    BoardSettings,
    Config,
    Inspection,
    LoaderSettings,
    Logging,
    ProbeSettings,
    SplitSettings,
)

__all__ = [
    "FLAT_KEYS",
    "RESIZES",
    "VARIANTS",
    "ActivationSettings",
    "Augment",
    "BoardSettings",
    "Config",
    "Inspection",
    "LoaderSettings",
    "Logging",
    "ProbeSettings",
    "SplitSettings",
]
