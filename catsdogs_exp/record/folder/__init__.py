"""The run folder: created, locked, written and read back."""
