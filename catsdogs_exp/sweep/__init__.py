"""Many jobs of one command."""
