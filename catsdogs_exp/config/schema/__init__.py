"""The schema: what a config may say. One module per group of settings; `Config` puts them together."""

from catsdogs_exp.config.schema.config import (
    FLAT_KEYS,
    RESIZES,
    VARIANTS,
    ActivationSettings,
    Augment,
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
    "Config",
    "Inspection",
    "LoaderSettings",
    "Logging",
    "ProbeSettings",
    "SplitSettings",
]
