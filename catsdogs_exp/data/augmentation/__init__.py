"""Augmentation: random changes to training images, each a function of (seed, epoch, index) only.

Parameters are sampled first (`draw`, `draw_mix`), then applied (`apply`, `apply_mix`); `describe` formats them as text.
"""

from catsdogs_exp.data.augmentation.custom import register_operation
from catsdogs_exp.data.augmentation.describing import describe, describe_mix
from catsdogs_exp.data.augmentation.mixing import Mix, apply_mix, draw_mix
from catsdogs_exp.data.augmentation.pipeline import apply
from catsdogs_exp.data.augmentation.sampling import Drawn, changes_pictures, draw, mixes

__all__ = [
    "Drawn",
    "Mix",
    "apply",
    "apply_mix",
    "changes_pictures",
    "describe",
    "describe_mix",
    "draw",
    "draw_mix",
    "mixes",
    "register_operation",
]
