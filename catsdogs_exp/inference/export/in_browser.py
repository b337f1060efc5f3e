"""Runs the exported page in headless Chromium, if it, its driver and Selenium are installed; downloads nothing."""

import base64
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import RunFailed
from catsdogs_exp.inference.export.runtime import Opened, Photo, Refused

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_DRIVER = "chromedriver"
_READY = "The network is ready."
_LIMIT = 60  # time limit for loading the network, or for a prediction, in seconds
# Drops a photo on the page and waits for its answer.
_DROP = """
const [text, done] = arguments;
const status = document.getElementById("status");
const data = new DataTransfer();
data.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], "photo"));
status.textContent = "";
dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
const look = () => {
  if (!status.textContent) return setTimeout(look, 1);
  const values = [...document.querySelectorAll("#answers meter")].map((meter) => meter.value);
  done([status.textContent, values]);
};
look();
"""


def can_open_pages() -> bool:
    """Returns whether a browser, its driver and Selenium are installed."""
    return bool(_browser() and shutil.which(_DRIVER) and importlib.util.find_spec("selenium"))


def _browser() -> str | None:
    return next((path for path in map(shutil.which, _BROWSERS) if path), None)


class OpenPage:
    """A page from `file://` in its own browser.

    Args:
        path: the page.

    Raises:
        RunFailed: if the network in it does not start.
    """

    def __init__(self, path: Path) -> None:
        from selenium import webdriver  # noqa: PLC0415  (a package for tests)
        from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415

        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        options = webdriver.ChromeOptions()
        options.binary_location = _browser() or ""
        for flag in ("--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={self._profile.name}"):
            options.add_argument(flag)
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # Chromium does not start as root otherwise
        self._driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which(_DRIVER)))
        try:
            self._driver.set_script_timeout(_LIMIT)
            self._driver.get(path.resolve().as_uri())
            loading = WebDriverWait(self._driver, _LIMIT, poll_frequency=0.05)
            loading.until(lambda _: not self._status().startswith("Loading"))
            if self._status() != _READY:
                raise RunFailed(f"{path.name} does not work in Chromium: {self._status()}")
        except BaseException:
            self.close()
            raise

    def _status(self) -> str:
        return str(self._driver.find_element("id", "status").text)

    def opened(self) -> Opened:
        """Returns the page as a runtime; its time includes preparing an image and running the network."""
        name = f"Chromium {self._driver.capabilities['browserVersion'].partition('.')[0]}"
        return Opened("html", name, self.answer, exact=False, clock=self.seconds)

    def answer(self, photo: Photo) -> NDArray[np.float32]:
        """Returns the probabilities for a photo, float32 [classes].

        Raises:
            Refused: if the browser cannot read it.
        """
        said, values = self._driver.execute_async_script(_DROP, base64.b64encode(photo.data).decode())
        if "is not a picture" in said:
            raise Refused(said)
        return np.array(values, np.float32)

    def seconds(self) -> float:
        """Returns the time the page has spent on predictions so far."""
        script = "return Number(document.getElementById('answers').dataset.milliseconds ?? 0)"
        return float(self._driver.execute_script(script)) / 1000

    def close(self) -> None:
        """Closes the browser."""
        self._driver.quit()
        self._profile.cleanup()
