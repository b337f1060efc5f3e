"""Assemble and fit."""
