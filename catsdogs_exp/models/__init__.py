"""Networks by name."""

from catsdogs_exp.models import cnn as _cnn  # noqa: F401  (enters itself in the registry)
from catsdogs_exp.models.registry import Head, build_model, head_for, register

__all__ = ["Head", "build_model", "head_for", "register"]
