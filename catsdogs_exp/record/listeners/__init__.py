"""Listeners that record training."""
