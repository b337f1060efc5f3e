"""Networks by name. Importing this package does not import Keras: builders are loaded when a network is built."""

from catsdogs_exp.models.registry import Head, build_model, head_for, register

__all__ = ["Head", "build_model", "head_for", "register"]
