"""Uses a trained network on other images."""
