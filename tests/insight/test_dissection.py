"""Dissection: a hand-made detector gets its name, and noise gets none."""

import numpy as np
import pytest

from catsdogs_exp.insight import dissection
from catsdogs_exp.insight.receptive_field import Axis, Field

NAMES = ["", "eye: round", "eye: slit", "head"]


def masks_and_answers(count: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Masks with a head and one eye; channels: a detector of round eyes, one of all eyes, noise."""
    rng = np.random.default_rng(0)
    masks = np.zeros((count, 24, 24), np.uint8)
    answers = rng.normal(size=(count, 24, 24, 3)).astype(np.float32)
    for number, mask in enumerate(masks):
        row, column = rng.integers(2, 14, 2)
        mask[row : row + 9, column : column + 9] = 3
        kind = 1 + number % 2
        mask[row + 2 : row + 6, column + 3 : column + 7] = kind
        answers[number, ..., 0] += 6.0 * (mask == 1)
        answers[number, ..., 1] += 6.0 * ((mask == 1) | (mask == 2))
    return masks, answers


@pytest.fixture(scope="module")
def found() -> tuple[dissection.Dissection, dissection.Concepts]:
    masks, answers = masks_and_answers()
    concepts = dissection.concepts_of(NAMES)
    edges = dissection.quantile_edges(answers.reshape(-1, 3)[::7])
    bins = np.stack([dissection.binned(each, edges) for each in answers])
    return dissection.dissect(bins, masks.reshape(len(masks), -1), edges, concepts), concepts


def test_kinds_of_a_part_also_make_the_part() -> None:
    concepts = dissection.concepts_of(NAMES)
    assert concepts.names == ("eye: round", "eye: slit", "head", "eye")
    assert concepts.labels[3] == (1, 2)
    assert dissection.concepts_of(["", "eye: round", "head"]).names == ("eye: round", "head")  # one kind is the part


def test_a_detector_made_by_hand_gets_its_name(found) -> None:
    result, concepts = found
    names = dissection.name_channels(result, np.full(4, 0.2), concepts)
    assert names[0] is not None and names[0][0] == "eye: round" and names[0][1] > 0.85
    assert names[1] is not None and names[1][0] == "eye" and names[1][1] > 0.85
    assert names[2] is None


def test_the_threshold_keeps_the_answers_inside_the_part(found) -> None:
    result, _ = found
    assert 2 < result.threshold[0, 0] < 6


def test_shuffled_masks_bound_what_chance_gives(found) -> None:
    result, concepts = found
    assert (result.iou[2] <= result.chance + 0.02).all()
    assert result.iou[0, 0] > 5 * result.chance[0]
    assert result.chance[concepts.names.index("head")] > result.chance[0]  # a large part is met by chance more often


def test_a_name_needs_a_clear_lead_over_the_untrained_network(found) -> None:
    result, concepts = found
    assert dissection.name_channels(result, np.full(4, 0.9), concepts) == [None, None, None]


def test_the_score_is_held_out() -> None:
    """Of 400 noise channels none may look like a detector: thresholds come from other images than scores."""
    rng = np.random.default_rng(1)
    masks = (rng.random((40, 100)) < 0.05).astype(np.uint8)
    answers = rng.normal(size=(40, 10, 10, 400)).astype(np.float32)
    edges = dissection.quantile_edges(answers.reshape(-1, 400))
    bins = np.stack([dissection.binned(each, edges) for each in answers])
    result = dissection.dissect(bins, masks, edges, dissection.concepts_of(["", "dots"]))
    assert abs(np.median(result.iou) - 0.05) < 0.02
    assert (result.iou[:, 0] > result.chance[0]).mean() < 0.05


def test_answers_lie_in_the_middle_of_their_receptive_fields() -> None:
    """A layer of valid 5 x 5 windows with stride 2 that copies the middle pixel lands where the pixel was."""
    image = np.zeros((21, 25), np.float32)
    image[6:9, 12:15] = 1
    answers = image[2:-2:2, 2:-2:2][..., None]
    axis = Axis(2, 0, 4)
    placed = dissection.aligned(answers, Field(axis, axis), (21, 25), (21, 25))[..., 0]
    assert placed[7, 13] > 0.9 and placed[2, 2] == 0
    rows, columns = np.nonzero(placed > 0.5)
    assert abs(rows.mean() - 7) < 0.6 and abs(columns.mean() - 13) < 0.6


def test_more_than_four_channels_are_aligned_alike() -> None:
    answers = np.random.default_rng(2).normal(size=(6, 6, 11)).astype(np.float32)
    field = dissection.evenly((6, 6), (24, 24))
    whole = dissection.aligned(answers, field, (24, 24), (12, 12))
    assert whole.shape == (12, 12, 11)
    one = dissection.aligned(answers[..., 7:8], field, (24, 24), (12, 12))
    np.testing.assert_array_equal(whole[..., 7:8], one)
