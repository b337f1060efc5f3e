"""User patterns: Python's syntax, and no pattern that takes forever or all memory."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.config import patterns
from catsdogs_exp.config.patterns import Pattern
from catsdogs_exp.errors import BadInput

HOSTILE = [
    "^(a|a)*$",
    "^(a|aa)+$",
    "^((a{1,100}){1,100})$",
    "^" + r"(?:(a)|b)*\1" * 20 + "[xy]",
    "^" + ".*?a" * 12 + ".?!",
    "^(?=((a|a)+)+b)",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_pattern_that_would_never_end_is_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.2)
    started = time.monotonic()
    message = r"^key takes too long: more than 0.2 s, the last of it on 'a+'\. Received: "
    with pytest.raises(BadInput, match=message) as caught:
        Pattern("key", text).search("a" * 200 + "-=!b")
    assert time.monotonic() - started < 60 and repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["((((a{100}){100}){100}){100})", "a{99999999}", "(?:(?:a?){500}){500}b", "x{2}" * 17])
def test_counts_that_would_fill_the_memory_are_refused(text: str) -> None:
    with pytest.raises(re.error, match=r"the product of its counts, as in \{8\}, must be <= 100,000"):
        Pattern("key", text)


@pytest.mark.parametrize("text", ["(", "*", "a{2,1}", "(?R)", "(?P<n>a(?&n)?b)", "(" * 4000 + ")" * 4000])
def test_what_python_does_not_read_is_refused(text: str) -> None:
    """`(?R)` is recursion in `regex`, whose memory grows without end."""
    with pytest.raises(re.error):
        Pattern("key", text)


def test_many_names_that_take_long_together_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.05)
    pattern = Pattern("key", "a.*a.*a.*a.*b")
    with pytest.raises(BadInput, match=r"^key takes too long"):
        for number in range(10_000):
            pattern.search("b" + "a" * 80 + str(number))


def test_plain_patterns_never_run_out_of_time() -> None:
    pattern = Pattern("key", r"(?P<class>[a-z]+)[._](\d{4})")
    found = [pattern.search(f"cat.{number:04d}.jpg") for number in range(20_000)]
    assert all(match and match["class"] == "cat" for match in found)
    assert pattern.groups == {"class": 1}


@given(
    st.sampled_from(
        [r"(?P<class>\w+?)[_.]", r"^([^\W\d_]+)", r"(?i)CAT|dog", r"(?<!x)\d{2,3}", r"(a)?b|c(?(1)d|e)", r"[\s\S]{3}$"]
    ),
    st.text("abcdeCATdogäß_.0123 \n", max_size=12),
)
def test_it_finds_what_python_finds(text: str, name: str) -> None:
    ours, theirs = Pattern("key", text).search(name), re.search(text, name)
    assert (ours and (ours.span(), ours.groups())) == (theirs and (theirs.span(), theirs.groups()))
