"""`--help`: what the pages promise is there, in columns that can be read."""

import re

import pytest

from catsdogs_exp.__main__ import COMMANDS, main
from catsdogs_exp.inference.export.formats import FORMATS


def help_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    try:
        assert main([*words, "--help"]) == 0
    except SystemExit as left:
        assert left.code == 0
    return capsys.readouterr().out


def test_every_command_is_in_one_column_and_its_text_in_another(capsys: pytest.CaptureFixture[str]) -> None:
    page = help_of(capsys)
    usage = page[page.index("Usage") : page.index("Flat keys")]
    rows = re.findall(r"^(  python -m catsdogs_exp (\S+) (?:\.\.\.|--help|\S+) +)\w", usage, re.MULTILINE)
    assert {name for _, name in rows} == {*COMMANDS, "[key=value", "COMMAND"}
    assert len({len(before) for before, _ in rows}) == 1


def test_the_page_tells_what_no_choice_shows(capsys: pytest.CaptureFixture[str]) -> None:
    page = help_of(capsys)
    for word in ("learning rate; auto: find one first", "  experiment   auto (", "--plugins my_networks", "--version"):
        assert word in page


def test_export_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    page = " ".join(help_of(capsys, "export").split())
    assert f"{', '.join(FORMATS)}, several of them, or all" in page


def test_resume_tells_that_it_takes_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Continue a run or a sweep" in help_of(capsys, "resume")


def test_the_options_of_show_are_in_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    page = help_of(capsys, "show")
    assert "  --drawn   the " in page
    assert "  --parts   also the " in page


@pytest.mark.parametrize("look", ["--cfg", "--info"])
def test_a_recipe_to_be_chosen_has_no_config_to_show(capsys: pytest.CaptureFixture[str], look: str) -> None:
    assert main(["experiment=auto", look]) == 2
    said = capsys.readouterr().err
    assert f"experiment=auto chooses its recipe when it has seen the data: {look} has no config to show" in said
