"""Inspection: a verdict per file, findings between files, and what they mean for a run."""
