"""Writes what a run leaves behind, and reads it back."""
