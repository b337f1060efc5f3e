"""The parts of a drawn animal and their numbers in masks."""

from __future__ import annotations

EARS = ("pointed", "floppy", "long", "round", "dish", "side", "tufts")
MUZZLES = ("short", "long", "teeth", "broad", "narrow", "disc", "beak")
PUPILS = ("round", "slit", "bar")
CROWNS = ("horns", "antlers", "mane", "crest")

PARTS: tuple[str, ...] = (
    "background",
    "body",
    "tail",
    "paws",
    "collar",
    "head",
    "whiskers",
    "cover",
    *(f"ear: {kind}" for kind in EARS),
    *(f"muzzle: {kind}" for kind in MUZZLES),
    *(f"eye: {kind}" for kind in PUPILS),
    *(f"crown: {kind}" for kind in CROWNS),
)
"""Names by number. Each pixel has the number of the frontmost part."""
