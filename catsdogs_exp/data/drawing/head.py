"""An animal's head: ears, crown, eyes, muzzle, whiskers."""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Sequence

from catsdogs_exp.data.drawing.body import Look, Patch, new_coat
from catsdogs_exp.data.drawing.brush import (
    INK,
    PINK,
    WHITE,
    Colour,
    Dice,
    Easel,
    Frame,
    Outline,
    both,
    mix,
    oval,
    smooth,
    tube,
)
from catsdogs_exp.data.drawing.species import Species

# Head outline for a muzzle: half widths at brow, cheek and jaw; then how far it protrudes from the face.
_FACES = {
    "short": (0.84, 1.16, 0.66, 1.0),
    "long": (0.74, 0.80, 0.55, 1.5),
    "teeth": (0.72, 0.98, 0.70, 1.1),
    "broad": (0.82, 1.04, 0.74, 1.3),
    "narrow": (0.84, 1.04, 0.34, 1.7),
    "disc": (0.80, 1.06, 0.80, 1.5),
    "beak": (0.94, 1.00, 0.72, 1.2),
}


def _ears(easel: Easel, head: Frame, kind: str, look: Look, dice: Dice) -> None:
    """Draws both ears; the first shape of a kind is the ear, the second its inside."""
    size = dice.between(0.9, 1.15)
    inner = mix(PINK, look.fur, 0.1)
    shapes: list[tuple[Sequence[complex], Colour]] = []
    if kind == "pointed":
        tip = -(0.88 + dice.between(-0.1, 0.12)) - 1.42j * size
        shapes = [((-0.98 - 0.1j, -0.98 - 0.7j, tip, tip + 0.07, -0.55 - 1.05j, -0.12 - 0.7j), look.fur)]
        shapes.append(((-0.88 - 0.4j, -0.9 - 0.75j, tip + 0.05 + 0.16j, -0.6 - 0.98j, -0.28 - 0.7j), inner))
    elif kind == "long":
        lean = dice.between(-0.25, 0.1)
        shapes = [
            (
                (
                    -0.62 - 0.6j,
                    -0.72 - 1.5j + lean,
                    -0.5 - 2.2j * size + lean,
                    -0.22 - 1.5j + lean,
                    -0.15 - 0.7j,
                ),
                look.fur,
            ),
            (
                (
                    -0.52 - 0.8j,
                    -0.6 - 1.5j + lean,
                    -0.49 - 2.0j * size + lean,
                    -0.34 - 1.5j + lean,
                    -0.28 - 0.8j,
                ),
                inner,
            ),
        ]
    elif kind in ("round", "dish"):
        radius, place = (0.36 * size, -0.72 - 0.72j) if kind == "round" else (0.66 * size, -0.95 - 0.75j)
        shapes = [
            (tuple(oval(place, radius, radius)[::4]), look.fur),
            (tuple(oval(place + 0.05 + 0.05j, radius * 0.66, radius * 0.66)[::4]), inner),
        ]
    elif kind == "side":
        shapes = [
            ((-0.6 - 0.6j, -1.1 - 0.9j, -1.6 - 0.55j * size, -1.2 - 0.25j, -0.75 - 0.2j), look.fur),
            ((-0.8 - 0.5j, -1.1 - 0.72j, -1.45 - 0.55j * size, -1.15 - 0.38j), inner),
        ]
    elif kind == "tufts":
        shapes = [((-0.9 - 0.3j, -0.98 - 0.9j, -1.05 - 1.35j * size, -0.6 - 1.0j, -0.1 - 0.75j), look.mark)]
    elif kind == "floppy":
        colour = mix(look.mark, dice.pick((look.line, look.light)), 0.65)
        if dice.chance(0.2):
            shapes = [((-0.2 - 0.85j, -0.6 - 1.25j, -1.0 - 1.2j, -1.3 - 0.6j, -1.15 - 0.3j, -0.85 - 0.55j), colour)]
        else:
            drop = 0.6 * size
            shapes = [
                (
                    (
                        -0.3 - 0.9j,
                        -0.75 - 0.92j,
                        -1.15 - 0.45j,
                        -1.3 + drop * 0.6j,
                        -1.05 + drop * 1.25j,
                        -0.78 + drop * 0.8j,
                        -0.72 - 0.2j,
                    ),
                    colour,
                )
            ]
    for number, (knots, paint) in enumerate(shapes):
        for outline in both(smooth(knots)):
            easel.fill(head, outline, paint, look.line if number == 0 else None, 0.055)


def _crown(easel: Easel, head: Frame, kind: str, look: Look) -> None:
    if kind == "mane":
        rays = [cmath.rect(1.55 if k % 2 else 1.3, k * math.tau / 26) + 0.1j for k in range(26)]
        easel.fill(head, smooth(rays), mix(look.mark, look.line, 0.25), look.line)
    elif kind == "crest":
        for lean in (-0.5, 0.5, -0.25, 0.25, 0.0):
            easel.fill(
                head,
                tube((-0.6j + lean * 0.4, lean - 1.2j, lean * 1.8 - 1.6j), 0.12, 0.14),
                look.mark,
                look.line,
            )
    elif kind == "horns":
        for outline in both(tube((-0.35 - 0.7j, -0.55 - 1.2j, -0.95 - 1.5j), 0.16, 0.04)):
            easel.fill(head, outline, (236, 224, 200), look.line)
    elif kind == "antlers":
        for knots in (
            (-0.3 - 0.7j, -0.5 - 1.3j, -1.0 - 1.7j),
            (-0.5 - 1.25j, -0.3 - 1.6j, -0.35 - 1.85j),
            (-0.75 - 1.5j, -1.1 - 1.35j, -1.35 - 1.4j),
        ):
            for outline in both(tube(knots, 0.1, 0.06)):
                easel.fill(head, outline, (150, 112, 80), look.line)


def _eyes(easel: Easel, head: Frame, species: Species, look: Look, dice: Dice) -> None:
    long = species.muzzle == "long"
    size = dice.between(0.9, 1.15) * (0.19 if long else 0.27)
    for side in (-1, 1):
        spread = (0.37 if long else 0.44) + side * look.turn * -0.05
        eye = head.at(side * spread + look.turn * 0.16 - (0.2 if long else 0.08) * 1j)
        narrow = 1 - 0.18 * max(0.0, side * look.turn)
        tilt = side * -12.0 if species.pupils == "slit" else 0.0
        easel.fill(eye, oval(0, size * narrow, size * 0.98, tilt), look.eye if not long else WHITE, INK, 0.05)
        if species.pupils == "slit":
            easel.fill(eye, oval(0, size * 0.2, size * 0.82), INK)
        elif species.pupils == "bar":
            easel.fill(eye, oval(0, size * 0.7, size * 0.26), INK)
        else:
            easel.fill(eye, oval(0, size * 0.8 * narrow, size * 0.82), look.eye)
            easel.fill(eye, oval(0, size * 0.72 * narrow, size * 0.74), INK)
        easel.fill(eye, oval(-size * 0.3 - size * 0.35j, size * 0.24, size * 0.24), WHITE)
        if long:
            easel.stroke(eye, (side * -0.15 - 0.36j, side * 0.03 - 0.37j, side * 0.2 - 0.26j), look.line, 0.06)


def _muzzle(easel: Easel, head: Frame, species: Species, look: Look, dice: Dice) -> None:
    kind = species.muzzle
    face = head.at(look.turn * 0.17 * _FACES[kind][3])
    line, dark = look.line, mix(INK, look.fur, 0.1)
    nose: Outline
    if kind == "beak":
        easel.fill(
            face,
            smooth((-0.24 + 0.15j, 0.1j, 0.24 + 0.15j, 0.1 + 0.5j, 0.68j, -0.1 + 0.5j)),
            (240, 172, 70),
            line,
        )
        return
    if kind == "disc":
        easel.fill(face, oval(0.38j, 0.42, 0.32), mix(PINK, look.fur, 0.25), line)
        for outline in both(oval(0.15 + 0.38j, 0.07, 0.11)):
            easel.fill(face, outline, line)
        easel.stroke(face, (-0.3 + 0.76j, 0.84j, 0.3 + 0.76j), line)
        return
    tongue, mouth = dice.chance(species.tongue), 0.55
    if kind in ("short", "teeth"):
        for outline in both(oval(0.2 + 0.45j, 0.29, 0.23)):
            easel.fill(face, outline, look.light)
        nose = smooth((-0.15 + 0.2j, 0.17j, 0.15 + 0.2j, 0.36j))
        nose_colour = mix(PINK, dark, dice.pick((0.0, 0.25)))
    elif kind == "long":
        mouth = 0.78
        easel.fill(
            face,
            smooth(
                (
                    -0.4j,
                    -0.14 - 0.2j,
                    -0.3 + 0.14j,
                    -0.54 + 0.5j,
                    -0.4 + 0.92j,
                    1.06j,
                    0.4 + 0.92j,
                    0.54 + 0.5j,
                    0.3 + 0.14j,
                    0.14 - 0.2j,
                )
            ),
            mix(look.light, WHITE, 0.7),
        )
        easel.stroke(
            face,
            (-0.36 + 0.16j, -0.54 + 0.5j, -0.4 + 0.92j, 1.06j, 0.4 + 0.92j, 0.54 + 0.5j, 0.36 + 0.16j),
            line,
        )
        nose, nose_colour = (
            smooth((-0.34 + 0.22j, 0.12j, 0.34 + 0.22j, 0.18 + 0.47j, 0.53j, -0.18 + 0.47j)),
            dark,
        )
    elif kind == "broad":
        easel.fill(face, oval(0.45j, 0.56, 0.4), look.light, line)
        nose, nose_colour = oval(0.27j, 0.22, 0.14), dark
    else:
        for outline in both(smooth((0.05 + 0.9j, 0.1 + 0.3j, 0.75 + 0.12j, 0.62 + 0.5j))):
            easel.fill(head, outline, look.light)
        nose, nose_colour, mouth = oval(0.62j, 0.15, 0.12), dark, 0.82
    if tongue:
        tip = face.at(mouth * 1j)
        easel.fill(tip, smooth((-0.17, 0.17, 0.23 + 0.28j, 0.54j, -0.23 + 0.28j)), (236, 104, 128), line)
        easel.stroke(tip, (0.1j, 0.36j), (176, 52, 78), 0.03)
    wide = 0.34 if kind in ("long", "broad") else 0.24
    for side in (-1, 1):
        easel.stroke(
            face,
            (mouth * 1j - 0.02j, side * wide * 0.5 + (mouth + 0.09) * 1j, side * wide + (mouth - 0.03) * 1j),
            line,
        )
    easel.stroke(face, (0.3j, mouth * 1j), line)
    if kind == "teeth":
        for outline in both(smooth((-0.13 + 0.6j, -0.01 + 0.6j, -0.01 + 0.84j, -0.12 + 0.84j))):
            easel.fill(face, outline, WHITE, line, 0.03)
    easel.fill(face, nose, nose_colour, line)
    shine = nose.mean()
    easel.fill(face, oval(shine - 0.06 - 0.05j, 0.06, 0.035), mix(nose_colour, WHITE, 0.7))


def draw_head(easel: Easel, head: Frame, species: Species, look: Look, dice: Dice) -> None:
    """Draws the head, of radius 1 at the origin, with all its parts."""
    brow, cheek, jaw, _ = _FACES[species.muzzle]
    if species.crown == "mane":  # around the head, so behind it
        with easel.part(f"crown: {species.crown}" if species.crown != "none" else "head"):
            _crown(easel, head, species.crown, look)
    if species.ears != "floppy":
        with easel.part(f"ear: {species.ears}" if species.ears != "none" else "head"):
            _ears(easel, head, species.ears, look, dice)
    brow, cheek, jaw = brow * look.stretch, cheek * look.stretch, jaw * look.stretch
    half = (-0.9j, -brow * 0.62 - 0.82j, -brow - 0.38j, -cheek + 0.2j, -jaw - 0.08 + 0.68j, -jaw * 0.5 + 0.9j)
    skull = smooth((*half, 0.94j, *(-knot.conjugate() for knot in half[:0:-1])))
    easel.layer(head, (skull,), new_coat(easel.image.size, head, look, Patch(0j, 1.0, 0.95), dice), look.line)
    if look.pattern == "bib":
        easel.fill(head, smooth((-0.86j, 0.2 - 0.3j, 0.3 + 0.5j, 0.85j, -0.3 + 0.5j, -0.2 - 0.3j)), look.light)
    if species.ears == "floppy":
        with easel.part(f"ear: {species.ears}" if species.ears != "none" else "head"):
            _ears(easel, head, species.ears, look, dice)
    if species.crown != "mane":
        with easel.part(f"crown: {species.crown}" if species.crown != "none" else "head"):
            _crown(easel, head, species.crown, look)
    with easel.part(f"muzzle: {species.muzzle}"):
        _muzzle(easel, head, species, look, dice)
    with easel.part(f"eye: {species.pupils}"):
        _eyes(easel, head, species, look, dice)
    if species.whiskers:
        colour = mix(WHITE, look.line, float(sum(look.light) + sum(look.fur) > 1000) * 0.8)
        for side, droop in itertools.product((-1, 1), (-0.22, 0.0, 0.22)):
            root = side * 0.34 + look.turn * 0.17 + (0.46 + droop * 0.3) * 1j
            whisker = (root, root + side * 0.5 + (droop - 0.06) * 1j, root + side * 1.1 + droop * 1.5j)
            with easel.part("whiskers"):
                easel.stroke(head, whisker, colour, 0.05)
