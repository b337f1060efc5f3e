"""Augmentation: random changes to training pictures, each a function of (seed, epoch, index) and nothing else.

First everything is drawn (`draw`, `draw_mix`), then it is applied (`apply`, `apply_mix`); `describe` puts it in words.
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
