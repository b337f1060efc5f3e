"""A run's network in the formats of other programs, each checked with its own runtime before anyone relies on it."""
