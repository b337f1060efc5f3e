"""Trains a network: the training loop and step, optimizers, checkpoints, several devices."""
