"""Searches: sweeps whose jobs Optuna chooses one by one, knowing how the others ended."""
