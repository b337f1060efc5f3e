"""Films of layers forming."""

import numpy as np

from catsdogs_exp.insight.maps import LayerActivations, NetworkActivations
from catsdogs_exp.record.activation_arrays import KeptActivations
from catsdogs_exp.record.pictures.film import frames, probabilities_in_words


def test_probabilities_have_the_names_of_their_classes() -> None:
    values = [np.array([0.9, 0.1], np.float32), np.array([0.4, 0.6], np.float32)]
    assert probabilities_in_words(values, ("cats", "dogs")) == ["cats 0.90, dogs 0.10", "cats 0.40, dogs 0.60"]
    assert probabilities_in_words(values, ()) == ["0.90, 0.10", "0.40, 0.60"]
    many = [np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1]), np.array([0.0, 0.1, 0.2, 0.1, 0.4, 0.2])]
    assert probabilities_in_words(many, "abcdef")[0] == "b 0.10, c 0.10, e 0.10, f 0.10"  # those of the last epoch


def test_a_small_image_fills_its_place() -> None:
    image = np.full((1, 32, 32, 3), (200, 0, 0), np.uint8)
    maps = np.random.default_rng(0).random((1, 8, 8, 4), dtype=np.float32)
    kept = [
        KeptActivations(
            epoch,
            ("cats a.jpg",),
            image,
            NetworkActivations((LayerActivations("conv", maps),), np.array([[0.5, 0.5]], np.float32)),
        )
        for epoch in (1, 2)
    ]
    first, _ = frames(kept, 0, ["*"], 4, ("cats", "dogs"))
    red = (np.asarray(first) == (200, 0, 0)).all(axis=-1)
    assert (red.any(axis=1).sum(), red.any(axis=0).sum()) == (120, 120)
