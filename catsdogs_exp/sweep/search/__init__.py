"""Searches: sweeps whose jobs Optuna chooses one by one, from the results of the others."""
