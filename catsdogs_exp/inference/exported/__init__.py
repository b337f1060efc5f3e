"""Exported files as networks that `predict` asks: found, read before they are run, opened in their own runtimes."""
