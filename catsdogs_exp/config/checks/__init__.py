"""Checks that no single setting can make: combinations, sizes, networks that do not fit. Without TensorFlow."""
