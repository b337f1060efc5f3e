"""Data sources: each turns its settings into a list of files with classes and splits."""
