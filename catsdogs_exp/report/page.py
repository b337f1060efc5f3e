"""Pages as self-contained HTML: one base template, one style sheet, one script; nothing is loaded from elsewhere.

A page is a template beside this module that extends `base.html.j2`, and a module that fills it:

    {% extends "base.html.j2" %}
    {% from "parts.html.j2" import section, table with context %}
    {% block content %}
    {% call section("classes", "Classes") %}{{ table(("class", "images"), rows) }}{% endcall %}
    {% endblock %}

`parts.html.j2` contains what pages share. Each `section` adds itself to the navigation. All text is escaped, including
file names.
"""

import base64
import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from catsdogs_exp import __version__
from catsdogs_exp.errors import BadInput
from catsdogs_exp.printable import printable
from catsdogs_exp.record.pictures.files import new_file

STYLES = ("style.css",)
SCRIPTS = ("page.js",)
PIECE_STYLE = "piece.css"
_GENERATOR = "catsdogs_exp"  # identifies our pages
_HEAD = 1024  # bytes at the beginning of a page that contain it


@dataclass(frozen=True)
class Entry:
    """A section in the navigation: anchor, heading, and the number of things it shows, if counted."""

    anchor: str
    title: str
    count: int | None


@dataclass
class Contents:
    """The sections of a page, in order; filled by `parts.html.j2` while the page is rendered."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, anchor: str, title: str, count: int | None) -> None:
        """Adds a section."""
        self.entries.append(Entry(anchor, title, count))


def render(template: str, scripts: tuple[str, ...] = (), **content: Any) -> str:
    """Renders a template of this room.

    Args:
        template: its name, such as `inspection.html.j2`.
        scripts: files of this room that this page runs in addition to `SCRIPTS`.
        content: its variables, including `title`. A missing one is an error.

    Returns:
        The whole page as HTML.
    """
    environment = _environment()
    sources = [_source(environment, name) for name in (*SCRIPTS, *scripts)]
    return environment.get_template(template).render(
        contents=Contents(),
        generator=f"{_GENERATOR} {__version__}",
        scripts=[Markup(text) for text in sources],  # noqa: S704  (our own files)
        script_hashes=[_hash(text) for text in sources],
        **content,
    )


def compile_template(template: str) -> None:
    """Compiles a template before it is needed: rendering it the first time takes three times as long otherwise."""
    _environment().get_template(template)


def piece(template: str, **content: Any) -> str:
    """Renders a template that is not a whole page, such as one for a notebook. All text is escaped."""
    return _environment().get_template(template).render(**content)


def write(html: str, path: Path) -> None:
    """Writes a page. Replaces an older page of ours at the same path, but no other file.

    Raises:
        BadInput: if the path is another file, or cannot be written.
    """
    try:
        if path.is_file() and path.stat().st_size and not _is_page(path):
            raise BadInput(
                f"A page would overwrite a file that is not a page: {path}. Choose another name, or move that file"
            )
        path.write_text(html, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise BadInput(f"The page cannot be written: {path}: {error.strerror}") from error


def write_new(html: str, folder: Path, stem: str) -> Path:
    """Writes `stem.html`, or `stem-2.html` and so on if that exists already.

    Returns:
        The page's path.

    Raises:
        BadInput: if it cannot be written.
    """
    path = new_file(folder, stem, ".html", "page")
    write(html, path)
    return path


def _is_page(path: Path) -> bool:
    with path.open("rb") as handle:
        return f'<meta name="generator" content="{_GENERATOR} '.encode() in handle.read(_HEAD)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("catsdogs_exp", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        extensions=["jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    styles = [_source(environment, name) for name in STYLES]
    environment.globals["styles"] = [Markup(text) for text in styles]  # noqa: S704  (our own files)
    environment.globals["piece_style"] = Markup(_source(environment, PIECE_STYLE))  # noqa: S704
    return environment


def _source(environment: jinja2.Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _hash(script: str) -> str:
    """The hash by which a content security policy allows a script to run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _visible(value: Any) -> Any:
    """Text on one line with visible control characters: file names may contain any, and HTML would swallow them."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
