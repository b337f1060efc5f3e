"""Exports a run's network for other programs; checks each file with its own runtime."""
