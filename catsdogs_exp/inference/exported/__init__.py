"""Exported files for `predict`: finds them, checks them before running them, and opens them in their own runtimes."""
