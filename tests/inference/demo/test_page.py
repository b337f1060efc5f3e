"""The page in a browser: pictures in, crops by mouse and keyboard, answers, activations; nothing from elsewhere."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

STYLES = Path(__file__).resolve().parents[3] / "catsdogs_exp"


class Page:
    """The page in the browser that all tests share."""

    def __init__(self, chromium: Any) -> None:
        self.browser = chromium

    def open(self, url: str, width: int = 1280, height: int = 900, touch: bool = False) -> "Page":
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        for log in ("browser", "performance"):
            self.browser.get_log(log)
        self.browser.get("about:blank")
        self.browser.get(url)
        return self

    def js(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def wait(self, script: str, *arguments: Any) -> Any:
        """The value of an expression once it is true."""
        from selenium.webdriver.support.wait import WebDriverWait

        return WebDriverWait(self.browser, 60, 0.05).until(lambda _: self.js(f"return {script}", *arguments), script)

    def find(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        return self.browser.find_elements("css selector", selector)

    def press(self, selector: str, number: int = 0) -> None:
        """Clicks an element wherever it is by now: pictures that arrive may move it away from the mouse."""
        self.js("document.querySelectorAll(arguments[0])[arguments[1]].click()", selector, number)

    def upload(self, path: Path) -> None:
        self.wait("!document.getElementById('main').hidden")
        self.find("#file").send_keys(str(path))

    def shown(self) -> None:
        """Waits for the answer to a picture, with evidence and activations."""
        self.wait("!document.getElementById('canvas').hidden && !document.body.classList.contains('busy')")
        self.wait("[...document.querySelectorAll('figure img')].every(image => image.naturalWidth)")
        self.wait(DRAWN)

    def values(self) -> list[str]:
        return [str(each.text) for each in self.all(".class .value")]

    def asked(self) -> set[str]:
        """The origins of everything that was asked for."""
        events = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return {url.split("/")[2] for url in urls if url.startswith("http")} | {
            url.split(":")[0] for url in urls if not url.startswith("http")
        }

    def actions(self) -> Any:
        from selenium.webdriver.common.action_chains import ActionChains

        return ActionChains(self.browser, duration=50)


# Whether the canvases of the chosen layer hold more than one colour.
DRAWN = """[...document.querySelectorAll('#channels canvas')].some(canvas => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return data.some((value, index) => index % 4 < 3 && value !== data[index % 4]);
})"""


@pytest.fixture
def page(chromium: Any) -> Iterator[Page]:
    shown = Page(chromium)
    yield shown
    complaints = [entry["message"] for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
    assert [text for text in complaints if not re.search(r"status of (4\d\d|503)", text)] == []
    chromium.get("about:blank")


def test_a_picture_gets_probabilities_evidence_and_activations(page: Page, two: Any, drawn_cat: Path) -> None:
    page.open(two.url)
    page.wait("document.querySelectorAll('.examples img[src]').length >= 4")
    page.upload(drawn_cat)
    page.shown()
    assert page.browser.title == "with-atlas and without: demo"
    assert [each.text for each in page.all(".card .run")] == ["with-atlas", "without"]
    expected = two.ask("/predict", drawn_cat.read_bytes())[1]["predictions"][0]["probabilities"]
    names = [each.text for each in page.all(".card:first-child .class .name")]
    assert names == ["cats", "dogs"]
    assert page.values()[:2] == [f"{100 * expected[name]:.1f} %" for name in names]
    best = max(expected, key=expected.__getitem__)
    assert page.find("figcaption").text == f"evidence for {best}"
    assert len(page.all("#channels canvas")) == 16
    assert page.asked() <= {f"127.0.0.1:{two.port}", "blob", "data"}
    wide = page.js("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_probabilities_change_while_a_crop_is_dragged(page: Page, one: Any, drawn_cat: Path) -> None:
    page.open(one.url).upload(drawn_cat)
    page.shown()
    whole = page.values()
    page.js(
        "window.seen = new Set();"
        "new MutationObserver(() => seen.add(document.querySelector('.class .value').textContent))"
        ".observe(document.getElementById('cards'), {subtree: true, childList: true, characterData: true})"
    )
    box = page.find("#crop")
    drag = page.actions().move_to_element_with_offset(box, -60, -60).click_and_hold()
    for _ in range(12):
        drag = drag.move_by_offset(7, 6).pause(0.06)
    drag.perform()
    during = page.js("return seen.size")
    page.actions().release().perform()
    assert during >= 3
    page.wait("document.getElementById('box').value.includes(' at ')")
    found = re.fullmatch(r"(\d+) x (\d+) at (\d+), (\d+) of (\d+) x (\d+)", page.js("return box.value"))
    assert found
    width, height, left, top = map(int, found.groups()[:4])
    query = f"/predict?crop={left},{top},{width},{height}"
    (expected,) = one.ask(query, drawn_cat.read_bytes())[1]["predictions"]
    text = f"{100 * expected['probabilities']['cats']:.1f} %"
    page.wait("document.querySelector('.class .value').textContent === arguments[0]", text)
    moved = page.js("return box.value")
    page.actions().move_to_element(box).click_and_hold().move_by_offset(-9, 4).release().perform()
    assert page.js("return box.value") != moved
    assert page.js("return box.value").startswith(f"{width} x {height} at ")
    page.find("#reset").click()
    page.wait("document.querySelector('.class .value').textContent === arguments[0]", whole[0])


def test_everything_works_from_the_keyboard(page: Page, one: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    page.open(one.url)
    page.wait("document.querySelectorAll('.examples img[src]').length >= 4")

    def press(*keys: str) -> None:
        page.actions().send_keys(*keys).perform()

    def tab_to(condition: str) -> None:
        for _ in range(60):
            press(Keys.TAB)
            if page.js(f"const at = document.activeElement; return {condition}"):
                return
        raise AssertionError(condition)

    tab_to("at.closest('.examples')")
    press(Keys.ENTER)
    page.shown()
    whole = page.values()
    page.js("document.activeElement.blur(); scrollTo(0, 0)")
    page.js("document.getElementById('title').tabIndex = -1; document.getElementById('title').focus()")
    tab_to("at.id === 'crop'")
    press(Keys.ARROW_RIGHT)  # a box in the middle
    label = page.js("return document.activeElement.getAttribute('aria-label')")
    assert re.fullmatch(r"Crop box: \d+ x \d+ at \d+, \d+ of \d+ x \d+", label)
    page.wait("document.querySelector('.class .value').textContent !== arguments[0]", whole[0])
    before = page.js("return box.value")
    press(Keys.ARROW_LEFT)
    moved = page.js("return box.value")
    page.actions().key_down(Keys.SHIFT).send_keys(Keys.ARROW_DOWN).key_up(Keys.SHIFT).perform()
    resized = page.js("return box.value")
    assert len({before, moved, resized}) == 3
    spoken = page.wait("document.getElementById('spoken').textContent")
    assert re.search(r"(cats|dogs) \d+\.\d %", spoken)
    press(Keys.ESCAPE)
    page.wait("document.querySelector('.class .value').textContent === arguments[0]", whole[0])
    tab_to("at.classList.contains('class')")
    press(Keys.SPACE)
    page.wait("document.activeElement.getAttribute('aria-pressed') === 'true'")
    tab_to("at.name === 'layer-choice'")
    press(Keys.ARROW_RIGHT)
    page.wait("document.getElementById('layer-facts').textContent.startsWith('15 x 15')")
    tab_to("at.closest('#channels')")
    press(Keys.ENTER)
    page.wait("document.getElementById('channel').open")
    press(Keys.ESCAPE)
    page.wait("!document.getElementById('channel').open")
    assert page.js("return Boolean(document.activeElement.closest('#channels'))")


def test_a_channel_opens_with_its_entry_of_the_atlas(page: Page, two: Any, drawn_cat: Path) -> None:
    page.open(two.url).upload(drawn_cat)
    page.shown()
    page.find("#channels button").click()
    page.wait("document.getElementById('channel-picture').naturalWidth === 30")
    assert page.find("#channel-title").text == "block1_conv, channel 0"
    entry = two.ask("/atlas?layer=block1_conv&channel=0")[1]["entry"]
    said = page.wait("document.getElementById('channel-facts').textContent")
    if entry["dead"]:
        assert said.startswith("Dead: ")
    else:
        assert f"Accuracy lost without it: {entry['use']:.3f}" in said
    page.find("#channel form button").click()
    page.find("#run-choice label:last-of-type").click()
    page.wait(DRAWN)
    page.press("#channels button")
    page.wait("document.getElementById('channel-facts').textContent.includes('python -m catsdogs_exp atlas RUN')")
    page.find("#channel form button").click()


def test_a_channel_shows_its_own_answers_or_why_there_are_none(page: Page, two: Any, drawn_cat: Path) -> None:
    page.open(two.url).upload(drawn_cat)
    page.shown()
    page.js(
        """
        window.answers = [];
        const real = window.fetch;
        window.fetch = (path, ...rest) => new Promise((done, fail) => {
          const answer = () => path.includes("channel=2") ? fail() : done(real(path, ...rest));
          if (/channel=[02]/.test(path)) answers.push(answer);
          else answer();
        });
        """
    )
    page.press("#channels button")
    page.wait("answers.length === 2")
    page.find("#channel form button").click()
    page.press("#channels button", 1)
    said = page.wait("document.getElementById('channel-facts').textContent")
    page.wait("document.getElementById('channel-picture').naturalWidth === 30")
    picture = page.js("return document.getElementById('channel-picture').src")
    page.js("answers.splice(0).map((answer) => answer())")  # those of the first channel, too late
    page.js("return fetch('/about').then((answer) => answer.text())")
    time.sleep(0.3)
    assert page.js("return document.getElementById('channel-facts').textContent") == said
    assert page.js("return document.getElementById('channel-picture').src") == picture
    page.find("#channel form button").click()
    page.press("#channels button", 2)
    page.wait("answers.length === 2")
    page.js("answers.splice(0).map((answer) => answer())")
    reason = "The demo does not answer. Is it still running?"
    page.wait(f"document.getElementById('channel-facts').textContent === '{reason}'")
    page.find("#channel form button").click()


@pytest.mark.parametrize(("width", "dark"), [(360, False), (768, True)])
def test_it_fits_a_phone(page: Page, two: Any, drawn_cat: Path, width: int, dark: bool) -> None:
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    try:
        page.open(two.url, width, 740, touch=True).upload(drawn_cat)
        page.shown()
        assert page.js("return document.documentElement.scrollWidth - innerWidth") <= 0
        background = page.js("return getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")
        small = "each => each.offsetParent && each.getBoundingClientRect().height < 28"
        selector = "button:not(.plain), .button"
        assert page.js(f"return [...document.querySelectorAll('{selector}')].filter({small}).map(e => e.id)") == []
    finally:
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_screen_reader_finds_a_name_for_everything(page: Page, two: Any, drawn_cat: Path) -> None:
    page.open(two.url).upload(drawn_cat)
    page.shown()
    tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = ("button", "checkbox", "radio", "image", "application", "region", "dialog", "textbox", "radiogroup")
    nodes = [node for node in tree if not node["ignored"] and node["role"]["value"] in named]
    assert len(nodes) > 30
    without = [node for node in nodes if not node.get("name", {}).get("value", "").strip()]
    assert [node["role"]["value"] for node in without] == []
    names = {node["name"]["value"] for node in nodes}
    assert {"Channel 3 of block1_conv", "Your picture", "Picture", "Probabilities", "Activations"} <= names


@pytest.mark.parametrize("content", [b"not a picture", b"<svg onload='document.title=1'/>"], ids=["text", "svg"])
def test_hostile_files_get_a_message(page: Page, one: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "evil.png").write_bytes(content)
    page.open(one.url).upload(tmp_path / "evil.png")
    said = page.wait("!problem.hidden && problem.textContent")
    reason = "unsupported format: SVG" if b"svg" in content else "not an image"
    assert said == f"The file cannot be read: {reason}. Send a JPEG, PNG, WebP, GIF, BMP or TIFF image."
    assert page.find("#invitation").is_displayed()
    (tmp_path / "large.jpg").write_bytes(bytes(20_000_001))
    page.upload(tmp_path / "large.jpg")
    page.wait("problem.textContent === 'The file is too large. At most 20 MB are accepted.'")


def test_pictures_can_be_dropped_and_pasted(page: Page, one: Any, drawn_cat: Path) -> None:
    import base64

    page.open(one.url)
    page.wait("document.querySelectorAll('.examples img[src]').length >= 4")
    content = base64.b64encode(drawn_cat.read_bytes()).decode()
    for kind, field, event in (("drop", "dataTransfer", "DragEvent"), ("paste", "clipboardData", "ClipboardEvent")):
        before = page.js("return document.getElementById('picture').src")
        page.js(
            "const bytes = Uint8Array.from(atob(arguments[0]), each => each.charCodeAt(0));"
            "const data = new DataTransfer(); data.items.add(new File([bytes], 'cat.png', {type: 'image/png'}));"
            f"document.dispatchEvent(new {event}('{kind}', {{{field}: data, bubbles: true, cancelable: true}}))",
            content,
        )
        page.wait("document.getElementById('picture').src !== arguments[0]", before)
        page.shown()


def test_a_forgotten_picture_is_sent_again(page: Page, one: Any, drawn_cat: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    page.open(one.url).upload(drawn_cat)
    page.shown()
    before = page.values()
    urls = page.js("return performance.getEntriesByType('resource').map(each => each.name)")
    (name,) = {found[1] for url in urls if (found := re.search(r"/images/([\w-]+)/", url))}
    assert one.ask(f"/images/{name}", method="DELETE")[0] == 204
    page.find("#crop").send_keys(Keys.ARROW_RIGHT)
    page.wait("document.querySelector('.class .value').textContent !== arguments[0]", before[0])
    assert not page.find("#problem").is_displayed()


def test_the_token_leaves_the_address_bar_and_the_history(page: Page, locked: Any, drawn_cat: Path) -> None:
    page.open(f"{locked.url}#token={locked.token}").upload(drawn_cat)
    page.shown()
    assert page.browser.current_url == locked.url
    history = page.browser.execute_cdp_cmd("Page.getNavigationHistory", {})
    assert not any(locked.token in entry["url"] for entry in history["entries"])
    page.js("sessionStorage.clear()")
    page.open(locked.url)
    page.wait("!document.getElementById('locked').hidden")
    assert not page.find("#main").is_displayed()
    page.find("#token").send_keys("wrong")
    page.find("#locked button").click()
    page.wait("problem.textContent.startsWith('The token is missing or wrong.') && !problem.hidden")
    page.find("#token").send_keys(locked.token)
    page.find("#locked button").click()
    page.wait("!document.getElementById('main').hidden")
    page.js("sessionStorage.clear()")


def test_a_real_photo_is_cropped(page: Page, one: Any, real_photos: Path, tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(real_photos) as archive:
        name = next(each for each in archive.namelist() if "validation/cats/cat." in each)
        (tmp_path / "cat.jpg").write_bytes(archive.read(name))
    page.open(one.url).upload(tmp_path / "cat.jpg")
    page.shown()
    before = page.values()
    page.actions().move_to_element_with_offset(page.find("#crop"), -80, -80).click_and_hold().move_by_offset(
        90, 90
    ).release().perform()
    page.wait("document.querySelector('.class .value').textContent !== arguments[0]", before[0])


def test_its_colours_are_those_of_the_reports() -> None:
    def colours(path: Path) -> list[str]:
        return re.findall(r"--[\w-]+: #\w+", path.read_text(encoding="utf-8"))[:18]

    ours = colours(STYLES / "inference" / "demo" / "page" / "page.css")
    assert ours == colours(STYLES / "report" / "style.css")


def test_the_page_names_no_other_host() -> None:
    for path in (STYLES / "inference" / "demo" / "page").iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://|//\w+\.\w|innerHTML|insertAdjacentHTML|eval\(|document\.write", text), path
