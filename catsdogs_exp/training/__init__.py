"""Trains a network: the loop, the arithmetic of a step, optimizers, checkpoints, several devices."""
