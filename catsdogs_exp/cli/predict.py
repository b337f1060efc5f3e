"""`python -m catsdogs_exp predict RUN IMAGE...`: classes and probabilities for your own images."""

import csv
import json
import sys
from typing import Any

from catsdogs_exp.cli.arguments import a_path, run_parser
from catsdogs_exp.errors import BadInput


def main(arguments: list[str]) -> int:
    """Predicts files and folders. Exit code 2 if no image could be read."""
    parser = run_parser(
        "predict",
        "Classes and probabilities for images, from the best network of a run.",
        "outputs/drawn/2026-01-31_12-00-00-abcd cat.jpg photos/",
    )
    parser.add_argument("images", metavar="IMAGE", type=a_path, nargs="+", help="image files or folders of them")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="all probabilities, as JSON on stdout")
    form.add_argument("--csv", action="store_true", help="all probabilities, as CSV on stdout")
    options = parser.read(arguments)

    from catsdogs_exp.cli.named_images import named_images
    from catsdogs_exp.cli.screen import aside, output, table
    from catsdogs_exp.record.folder.run_files import find_run

    run = find_run(options.run)
    files = named_images(options.images)

    from catsdogs_exp.training.runtime import import_tensorflow

    import_tensorflow()
    from catsdogs_exp.inference.predictor import Predictor

    predictor = Predictor(run)
    classes = predictor.card.classes
    rows: list[dict[str, Any]] = []
    unreadable = 0
    for prediction in predictor.predict(files):
        if prediction.probabilities is None:
            unreadable += 1
            rows.append({"path": str(prediction.path), "error": prediction.error})
            aside(f"not predicted: {prediction.path}: {prediction.error}")
            continue
        best = int(prediction.probabilities.argmax())
        rows.append(
            {
                "path": str(prediction.path),
                "class": classes[best],
                "probability": float(prediction.probabilities[best]),
                "probabilities": dict(zip(classes, map(float, prediction.probabilities), strict=True)),
            }
        )
    if options.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))  # noqa: T201
    elif options.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(["path", "class", "probability", *classes, "error"])
        for row in rows:
            each = row.get("probabilities", {})
            values = [each.get(name, "") for name in classes]
            writer.writerow([row["path"], row.get("class", ""), row.get("probability", ""), *values, row.get("error")])
    else:
        predicted = table("picture", "class", "probability")
        for row in rows:
            if "class" in row:
                predicted.add_row(row["path"], row["class"], f"{row['probability']:.4f}")
        output().print(predicted)
    return BadInput.exit_code if unreadable == len(files) else 0
