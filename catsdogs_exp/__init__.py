"""Configuration-driven experiments in image classification."""

__version__ = "0.1.0"
