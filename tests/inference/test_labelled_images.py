"""Images as a network takes them: what was white in its training images is white in others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.labelled_images import images_of_folder
from catsdogs_exp.training.checkpoint.card import ModelCard


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_the_networks_value_range_counts_not_the_folders(tmp_path: Path, config, white: float) -> None:
    made: Config = config("target_size=16", "depth=2")
    card = replace(ModelCard.of(made.loader, ("cats", "dogs")), white_levels={"F": white})
    for number, name in enumerate(card.classes):
        (tmp_path / name).mkdir()
        values = np.full((16, 16), white * (0.2 + 0.4 * number), dtype=np.float32)
        Image.fromarray(values).save(tmp_path / name / "1.tif")
    found = images_of_folder(tmp_path, card, 10)
    names = [card.classes[label] for label in found.labels.tolist()]
    levels = {name: set(image.ravel().tolist()) for name, image in zip(names, found.pixels, strict=True)}
    assert levels == {"cats": {51}, "dogs": {153}}
    dark = replace(card, white_levels={"F": white * 51})  # the same folder for a network that knows brighter images
    assert {int(image.max()) for image in images_of_folder(tmp_path, dark, 10).pixels} == {1, 3}


def test_a_folder_that_does_not_exist_names_the_one_that_was_meant(tmp_path: Path, config) -> None:
    (tmp_path / "photos").mkdir()
    card = ModelCard.of(config("target_size=16", "depth=2").loader, ("cats", "dogs"))
    with pytest.raises(BadInput, match=r"Received: .*Photos\. Did you mean .*photos\?$"):
        images_of_folder(tmp_path / "Photos", card, 10)
