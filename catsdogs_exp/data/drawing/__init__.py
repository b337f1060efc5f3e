"""Draws animals: any number of images of up to `MAX_CLASSES` classes, without a download.

A class is a `Species`, a set of traits. Everything else about an image (coat, pose, light, background, occlusion) is
sampled from one distribution shared by all classes, so that only shape distinguishes them.
"""

from catsdogs_exp.data.drawing.parts import PARTS
from catsdogs_exp.data.drawing.picture import draw, draw_parts
from catsdogs_exp.data.drawing.species import MAX_CLASSES, class_names

__all__ = ["MAX_CLASSES", "PARTS", "class_names", "draw", "draw_parts"]
