"""Checks across settings: combinations, sizes, networks that do not fit. Without TensorFlow."""
