"""Networks and training state on disk."""
