"""Shared parts of all pages: the base template, its macros, the script, writing; names that look like markup."""

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.errors import BadInput
from catsdogs_exp.report import page, suspects_page
from catsdogs_exp.report.suspects_page import Suspect
from catsdogs_exp.report.thumbnails import Thumbnail

HOSTILE = (
    "<script>document.title = 'owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "' onmouseover='x",
    "</title></style></script>",
    "{{ 7 * 7 }} {% raw %} &amp; &lt;",
    "🐈\u200d⬛ кошка 猫 ﷽",
)


def sections_template(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Gives `render("probe.html.j2")` a page of these contents."""
    text = (
        '{% extends "base.html.j2" %}'
        '{% from "parts.html.j2" import section, collapsible, table, thumbnails, thumbnail_rows, to_section, more '
        f"with context %}}{{% block content %}}{body}{{% endblock %}}"
    )
    page._environment.cache_clear()
    environment = page._environment()
    own = environment.loader
    assert own is not None
    environment.loader = jinja2.ChoiceLoader([jinja2.DictLoader({"probe.html.j2": text}), own])
    monkeypatch.setattr(page, "_environment", lambda: environment)


SECTIONS = """
{% for name in names %}
{% call section("s" ~ loop.index, name, counts[loop.index0]) %}
<p class="tall" style="height: 700px">{{ name }}</p>
{% call collapsible("more of " ~ name) %}<p>hidden at first</p>{% endcall %}
{% endcall %}
{% endfor %}
"""


def test_sections_list_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    sections_template(monkeypatch, SECTIONS)
    made = page.render("probe.html.j2", title="T", names=["One & all", "Two"], counts=[None, 3])
    nav = made[made.index("<nav") : made.index("</nav>")]
    assert re.findall(r'<a href="#(\w+)">(.*?)</a>', nav) == [
        ("s1", "One &amp; all"),
        ("s2", 'Two <span class="count">3</span>'),
    ]
    assert "<h2>Two: 3</h2>" in made
    single = page.render("probe.html.j2", title="T", names=["One"], counts=[None])
    assert "<nav" not in single


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'notes' is undefined"):
        page.render("suspects.html.j2", title="T", suspects=[])


def test_a_table_aligns_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    sections_template(monkeypatch, "{{ table(('name', 'images'), rows) }}{{ table((), [('<b>', 1.5)]) }}")
    made = page.render("probe.html.j2", title="T", rows=[("cats", 3)])
    assert '<th>name</th><th class="number">images</th>' in made
    assert '<td>cats</td><td class="number">3</td>' in made
    assert '<td>&lt;b&gt;</td><td class="number">1.5</td>' in made
    assert made.count("<thead>") == 1


def test_more_says_how_much_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    sections_template(monkeypatch, "{{ more(5, 3, 'files', 'there') }}|{{ more(3, 3, 'files') }}|")
    text = re.sub(r"<[^>]*>|\n", "", page.render("probe.html.j2", title="T").partition("<main>")[2])
    assert text.startswith("... and 2 more files: there||")


def element(made: str, tag: str) -> str:
    found = re.search(f"<{tag}>(.*?)</{tag}>", made, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_stays_text(text: str) -> None:
    made = page.render("suspects.html.j2", title=text, notes=[text], suspects=[Thumbnail(text, problem=text)])
    for tag in ("title", "h1"):
        shown = element(made, tag)
        assert shown == page._visible(text)
        assert "\n" not in shown and "\u202e" not in shown
    assert made.count("<script") == made.count("</script>") == made.count("<img") + 1 == 1
    assert made.count("<p") == page.render("suspects.html.j2", title="", notes=[""], suspects=[Thumbnail("")]).count(
        "<p"
    )


def test_control_characters_are_spelt_out() -> None:
    assert page._visible("a\nb\tc\x1b[2J\u202egpj.exe") == "a\\nb\\tc\\x1b[2J\\u202egpj.exe"
    family = "👩\u200d💻 naïve"
    assert page._visible(family) == family


@pytest.mark.parametrize("width", ["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True])
def test_hostile_names_are_seen_as_they_are(
    tmp_path: Path, save_photo: Callable[..., Path], open_page: Callable[..., Any], width: str, dark: bool
) -> None:
    file = save_photo(tmp_path / "a.png", (40, 30))
    suspects = [Suspect(file, name, name, name, 0.9, "validation", sure=True) for name in HOSTILE]
    suspects.append(Suspect(tmp_path / "gone.png", "x" * 300, "cats", "dogs", 0.6, "test", sure=False))
    written = suspects_page.write_page(tmp_path, HOSTILE[0], HOSTILE, suspects)
    browser = open_page(written, width, dark)
    assert browser.title == HOSTILE[0]
    images = browser.find_elements("css selector", "main img")
    assert [image.get_dom_attribute("alt") for image in images] == list(HOSTILE)
    names = browser.find_elements("css selector", "figcaption .name")
    assert [name.get_property("textContent").strip() for name in names] == [*HOSTILE, "x" * 300]
    notes = browser.find_elements("css selector", "header p")
    assert [note.get_property("textContent") for note in notes] == list(HOSTILE)
    assert "no picture: No such file or directory" in browser.find_element("tag name", "main").text
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")


@pytest.fixture
def sections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, open_page: Callable[..., Any]) -> Any:
    sections_template(monkeypatch, SECTIONS)
    file = tmp_path / "probe.html"
    names = ["One", "Two", "Three", "Four"]
    page.write(page.render("probe.html.j2", title="T", names=names, counts=[None, 5, 0, None]), file)
    return open_page(file)


def test_keys_go_from_section_to_section(sections: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.support.wait import WebDriverWait

    def press(key: str) -> str:
        ActionChains(sections).send_keys(key).perform()
        return str(sections.execute_script("return document.activeElement.id"))

    assert [press("j"), press("j"), press("j"), press("k")] == ["s1", "s2", "s3", "s2"]
    assert sections.execute_script("return document.getElementById('s2').getBoundingClientRect().top") < 80
    current = "return document.querySelector('nav [aria-current]').hash"
    WebDriverWait(sections, 10).until(lambda _: sections.execute_script(current) == "#s2")  # at the next frame
    opened = "return [...document.querySelectorAll('main details')].filter(block => block.open).length"
    assert sections.execute_script(opened) == 4  # the sections; s3, which was empty, when `j` came to it
    press("o")
    assert sections.execute_script(opened) == 8
    press("o")
    assert sections.execute_script(opened) == 0
    help_open = "return document.getElementById('keys').open"
    press("?")
    assert sections.execute_script(help_open) is True
    assert "next section" in sections.find_element("id", "keys").text
    press("j")
    press("?")
    assert sections.execute_script(help_open) is False
    sections.find_element("id", "show-keys").click()
    assert sections.execute_script(help_open) is True


def test_a_link_opens_the_section_that_it_leads_to(sections: Any) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    closed = "return document.querySelector('#s3 > details').open"
    assert sections.execute_script(closed) is False
    sections.find_element("css selector", "nav a[href='#s3']").click()
    WebDriverWait(sections, 10).until(lambda _: sections.execute_script(closed) is True)  # once the address has changed


def test_paper_shows_everything_but_the_navigation(sections: Any) -> None:
    state = "return [...document.querySelectorAll('main details')].map(block => block.open)"
    before = sections.execute_script(state)
    sections.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert all(sections.execute_script(state)) and not all(before)
    sections.execute_script("dispatchEvent(new Event('afterprint'))")
    assert sections.execute_script(state) == before
    sections.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not sections.find_element("tag name", "nav").is_displayed()
        assert sections.find_element("tag name", "h1").is_displayed()
    finally:
        sections.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_markup_that_slipped_in_runs_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chromium: Any) -> None:
    """The second line of defence: the page's policy allows only our own scripts and loads nothing."""
    sections_template(monkeypatch, '<script>document.title = "owned"</script><img src=x onerror="document.title=1">')
    page.write(page.render("probe.html.j2", title="T"), tmp_path / "probe.html")
    chromium.get((tmp_path / "probe.html").as_uri())
    assert chromium.title == "T"
    refused = [entry["message"] for entry in chromium.get_log("browser")]
    assert len([line for line in refused if "Content Security Policy" in line]) >= 2


def test_write_replaces_a_page_but_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    made = page.render("suspects.html.j2", title="\udcff", notes=[], suspects=[])
    path.touch()  # as a shell's redirection or mktemp leaves it
    for _ in range(2):
        page.write(made, path)
    assert "<title>\\udcff</title>" in path.read_text(encoding="utf-8")
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(b"a photo")
    with pytest.raises(
        BadInput, match=r"A page would overwrite a file that is not a page: .*cat.jpg. Choose another name"
    ):
        page.write(made, photo)
    assert photo.read_bytes() == b"a photo"
    with pytest.raises(BadInput, match=r"The page cannot be written: .*page.html: No such file or directory"):
        page.write(made, tmp_path / "none" / "page.html")


def test_write_new_never_replaces(tmp_path: Path) -> None:
    written = [page.write_new(str(number), tmp_path, "suspects") for number in range(3)]
    assert [path.name for path in written] == ["suspects.html", "suspects-2.html", "suspects-3.html"]
    assert [path.read_text() for path in written] == ["0", "1", "2"]
    with pytest.raises(BadInput, match="The page cannot be written"):
        page.write_new("", tmp_path / "none", "suspects")


def test_a_long_heading_does_not_hide_its_count_in_the_navigation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    sections_template(monkeypatch, SECTIONS)
    html = page.render("probe.html.j2", title="T", names=["One", "only model.name=" + "long" * 20], counts=[1, 1923])
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    beyond = (
        "const nav = document.querySelector('nav').getBoundingClientRect().right;"
        "return [...document.querySelectorAll('nav .count')].at(-1).getBoundingClientRect().right - nav"
    )
    assert open_page(tmp_path / "page.html").execute_script(beyond) <= 0
