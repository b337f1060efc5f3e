"""Checks of several settings: combinations, sizes, networks that do not fit. Does not import TensorFlow."""
