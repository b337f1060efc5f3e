"""Metrics from probabilities and labels. Arrays in, numbers out; does not import TensorFlow."""
