"""Writes the records of a run, and reads them back."""
