"""Single-channel images through the whole system: Sign-Language MNIST and the like."""

import json
from pathlib import Path

from catsdogs_exp.__main__ import main


def test_grey_pictures_train_are_shown_and_predicted(
    tmp_path: Path, tiny: tuple[str, ...], photo_folder, capsys
) -> None:
    photos = photo_folder({"cats": 12, "dogs": 12})
    shape = [word for word in tiny if not word.startswith("dataset")]
    words = ["dataset=folder", f"dataset.path={photos}", "dataset.channels=1", *shape, "augment=course", "epochs=1"]
    assert main([*words, f"output_dir={tmp_path / 'o'}"]) == 0
    (folder,) = (tmp_path / "o" / "folder").iterdir()
    from catsdogs_exp.training.checkpoint.model_file import load_model

    model, card = load_model(folder / "checkpoints" / "best.keras")
    assert model.input_shape == (None, 32, 32, 1) and card.channels == 1
    assert len(list((folder / "activations").glob("*.png"))) == 2
    capsys.readouterr()
    assert main(["evaluate", str(folder), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    recorded = json.loads((folder / "result.json").read_text())["metrics"]["val"]
    assert abs(figures["accuracy"] - recorded["accuracy"]) < 1e-6
    assert main(["show", *words, f"output_dir={tmp_path / 's'}"]) == 0
