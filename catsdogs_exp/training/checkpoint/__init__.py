"""Networks and the state of training on disk."""
