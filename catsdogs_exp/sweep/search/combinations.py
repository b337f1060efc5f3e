"""Which combinations of a space have been tried."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from catsdogs_exp.config.composer import key_of
from catsdogs_exp.sweep.grid import Row, as_typed_row
from catsdogs_exp.sweep.search.marks import JOB, WORDS, is_lost
from catsdogs_exp.sweep.search.space import Space
from catsdogs_exp.sweep.search.study import optuna

_EXHAUSTIVE = ("grid", "bruteforce")  # samplers that try each combination once


def is_exhaustive(sampler: str) -> bool:
    """Returns whether a sampler, named as typed, tries each combination once."""
    return sampler.lower().removesuffix("sampler") in _EXHAUSTIVE


@dataclass
class Combinations:
    """The combinations of a space.

    Attributes:
        space: what a search chooses from.
        skips: returns whether to leave out a job; None: none.
    """

    space: Space
    skips: Callable[[Row], bool] | None

    def are_tried(self, trials: Sequence[Any]) -> bool:
        """Returns whether each combination has had a job, of this machine or another one."""
        return self._all is not None and self._all <= self._tried(trials)

    def is_repeated(self, words: Row, trials: Sequence[Any]) -> bool:
        """Returns whether one of some trials has had a job with the same values."""
        return self._named(as_typed_row(words)) in self._tried(trials)

    def _tried(self, trials: Sequence[Any]) -> set[frozenset[str]]:
        waiting = optuna().trial.TrialState.WAITING
        jobs = [trial for trial in trials if JOB in trial.user_attrs and trial.state != waiting and not is_lost(trial)]
        return {self._named(trial.user_attrs[WORDS]) for trial in jobs}

    @functools.cached_property
    def _all(self) -> set[frozenset[str]] | None:
        """Returns all combinations; None if there are too many."""
        rows = self.space.combinations()
        if rows is None:
            return None
        return {self._named(as_typed_row(row)) for row in rows if self.skips is None or not self.skips(row)}

    def _named(self, words: Sequence[str]) -> frozenset[str]:
        """Returns what distinguishes a combination from the others: the words of the keys that vary."""
        return frozenset(_rounded(word) for word in words if key_of(word) in self.space.varying)


def _rounded(word: str) -> str:
    """Returns a word with its number rounded: the steps of a range add up to slightly different sums."""
    key, _, text = word.partition("=")
    try:
        return f"{key}={float(text):.9g}"
    except ValueError:
        return word
