"""Shared by all tests: a separate cache folder, small folders of photos, composed configs."""

# NumPy reads the variable when it is imported: this comes first.
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, whose main() the tests call

import copy
import gc
import json
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from omegaconf import OmegaConf
from PIL import Image

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import Config

# No deadline: the first example of a property often pays for an import. No database: nothing is written.
# In CI the same examples each time: a change must not fail by luck. New ones are tried wherever people run the tests.
settings.register_profile(
    "catsdogs_exp",
    deadline=None,
    database=None,
    max_examples=60,
    report_multiple_bugs=False,
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("catsdogs_exp")

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = (ROOT / "conf", ROOT / "experiments")
CATS_AND_DOGS = MappingProxyType({"cats": 4, "dogs": 4})


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's own cache is never touched."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATSDOGS_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def _tensorflow_stays_frozen() -> Iterator[None]:
    """A command takes TensorFlow's objects from the garbage collector, and gives them back at its end.

    The next one in the same process would look through them again, 0.2 s each time: here there are hundreds. So would
    the collector in tests that run no command.
    """
    gc.collect()
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gc.unfreeze", lambda: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _nothing_waits_for_the_disk() -> Iterator[None]:
    """What `fsync` is for, the loss of power, happens to no test; each run would wait for it fifteen times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _config_files_are_parsed_once() -> Iterator[None]:
    """Each composed config parses the same twenty files anew: a quarter of its time, thousands of times here."""
    parse = OmegaConf.load
    parsed: dict[tuple[str, int, int], Any] = {}

    def load(source: Any) -> Any:
        if not hasattr(source, "fileno"):
            return parse(source)
        state = os.fstat(source.fileno())
        key = (source.name, state.st_mtime_ns, state.st_size)
        if key not in parsed:
            parsed[key] = parse(source)
        return copy.deepcopy(parsed[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", staticmethod(load))
        yield


@pytest.fixture(scope="session", autouse=True)
def _choices_are_composed_once() -> Iterator[None]:
    """Hydra reads and merges the same thirty configs for each command, before it applies what sets single values.

    That takes three quarters of its time. Here it happens once for each choice of groups, as long as all configs are
    the checkout's, Hydra's, or the same ones of plugins.
    """
    from hydra._internal import config_loader_impl as hydra_loader
    from hydra._internal.defaults_list import DefaultsList, Overrides
    from hydra.core.config_store import ConfigStore

    loader = hydra_loader.ConfigLoaderImpl
    choose, merge = hydra_loader.create_defaults_list, loader._compose_config_from_defaults_list
    chosen: dict[Any, DefaultsList] = {}
    merged: dict[Any, bytes] = {}
    kept: dict[int, Any] = {}  # configs of the store, so that none gets the `id` of another

    def stored(group: Mapping[str, Any]) -> Iterator[int]:
        for each in group.values():
            if isinstance(each, dict):
                yield from stored(each)
            else:
                yield id(kept.setdefault(id(each), each))

    def sources_of(repo: Any) -> Any:
        """All that the content of configs depends on; None if it may change."""
        places = tuple((each.scheme(), each.provider, each.path) for each in repo.get_sources())
        own = all(scheme in ("pkg", "structured") or Path(path) in CONFIGS for scheme, _, path in places)
        return (places, *stored(ConfigStore.instance().repo)) if own else None

    def choose_once(repo: Any, config_name: Any, overrides_list: Any, **how: bool) -> DefaultsList:
        sources, typed = sources_of(repo), Overrides(repo, overrides_list)
        if sources is None:
            return choose(repo, config_name, overrides_list, **how)
        groups = repr((typed.override_choices, typed.append_group_defaults, typed.deletions))
        key = (sources, config_name, groups, *how.values())
        if key not in chosen:
            chosen[key] = choose(repo, config_name, overrides_list, **how)
        return replace(chosen[key], config_overrides=typed.config_overrides)

    def merge_once(self: Any, defaults: Any, repo: Any) -> Any:
        sources = sources_of(repo)
        if sources is None:
            return merge(self, defaults, repo)
        key = (sources, *(repr(vars(each)) for each in defaults))
        if key not in merged:
            merged[key] = pickle.dumps(merge(self, defaults, repo))
        return pickle.loads(merged[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hydra_loader, "create_defaults_list", choose_once)
        patch.setattr(loader, "_compose_config_from_defaults_list", merge_once)
        yield


def _same_configs(group: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a group of Hydra's store; its configs are the same objects, which nothing changes."""
    return {name: _same_configs(each) if isinstance(each, dict) else each for name, each in group.items()}


@pytest.fixture(autouse=True)
def _no_plugin_outlives_its_test(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that a test's module enters is there for the next test: no name, no module, no layer."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins

    from catsdogs_exp.config import known_models, plugins, registry
    from catsdogs_exp.config.schema.datasets import DATASETS
    from catsdogs_exp.config.schema.models import MODELS
    from catsdogs_exp.data.augmentation import custom
    from catsdogs_exp.data.sources.registry import SOURCES
    from catsdogs_exp.models.registry import _builders
    from catsdogs_exp.record.listeners.custom import _makers

    known: tuple[Any, ...] = (
        registry.OFFERED, MODELS, DATASETS, SOURCES, known_models.ABOUT, custom._operations, _makers, plugins._loaded
    )  # fmt: skip
    before = copy.deepcopy(registry.OFFERED), *(each.copy() for each in known[1:])
    modules = set(sys.modules)
    Plugins.instance()  # enters Hydra's own configs, once a process
    store = ConfigStore.instance()
    repo = _same_configs(store.repo)
    yield
    if known != before:
        for each, was in zip(known, before, strict=True):
            each.clear()
            each.update(was)
        store.repo = repo
        _composed.cache_clear()
    # our own builders are entered by the first test that builds a network, and stay
    for name in [name for name, builder in _builders.items() if not builder.__module__.startswith("catsdogs_exp.")]:
        del _builders[name]
    scratch = tmp_path_factory.getbasetemp()
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(scratch):
            _forget(name)


def _forget(module: str) -> None:
    """Takes a module and its Keras layers away."""
    del sys.modules[module]
    if "keras" in sys.modules:
        layers = sys.modules["keras"].saving.get_custom_objects()
        for name in [name for name, layer in layers.items() if layer.__module__ == module]:
            del layers[name]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for one test."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("CATSDOGS_CACHE", str(folder))
    return folder


@lru_cache(maxsize=64)
def _composed(overrides: tuple[str, ...]) -> Config:
    return config_of(overrides)


@pytest.fixture(scope="session")
def config() -> Callable[..., Config]:
    """`config("lr=0.1", "depth=2")`: the checked config of these overrides."""

    def compose(*overrides: str) -> Config:
        return _composed(overrides)

    return compose


def photo(size: tuple[int, int] = (24, 16), seed: int = 0) -> Image.Image:
    """A coloured blob before a gradient, (width, height) pixels; each seed another."""
    width, height = size
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    slope, colour = rng.uniform(-3, 3, (2, 3)), rng.uniform(0, 255, (2, 3))
    pixels = colour[0] + y[..., None] * slope[0] + x[..., None] * slope[1]
    blob = np.hypot(y - rng.uniform(0, height), x - rng.uniform(0, width)) < min(size) / 3
    pixels[blob] = colour[1]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def save_photo(path: Path, size: tuple[int, int] = (24, 16), seed: int = 0) -> Path:
    """Writes `photo(size, seed)` in the format that the file's name says, with the folders on the way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    photo(size, seed).save(path)
    return path


@pytest.fixture(name="save_photo", scope="session")
def _save_photo() -> Callable[..., Path]:
    return save_photo


@pytest.fixture(name="photo", scope="session")
def _photo() -> Callable[..., Image.Image]:
    return photo


@pytest.fixture
def photo_folder(tmp_path: Path) -> Callable[..., Path]:
    """`photo_folder({"cats": 4, "dogs": 4})`: a folder of class folders with JPEGs, no two alike.

    The keys may hold split folders (`train/cats`); the files are called `cat.0.jpg`, `cat.1.jpg`, ...
    """

    def make(counts: Mapping[str, int] = CATS_AND_DOGS, name: str = "photos", size: tuple[int, int] = (24, 16)) -> Path:
        root = tmp_path / name
        seed = 0
        for folder, count in counts.items():
            (root / folder).mkdir(parents=True)
            for number in range(count):
                stem = Path(folder).name.removesuffix("s") or "photo"
                save_photo(root / folder / f"{stem}.{number}.jpg", size, seed)
                seed += 1
        return root

    return make


TINY = (
    "dataset.images=48",
    "dataset.broken=0.1",
    "target_size=32",
    "depth=2",
    "batch_size=8",
    "model.dense=16",
    "split.test=0.2",
    "epochs=3",
)


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Overrides of a run that takes a second."""
    return TINY


@pytest.fixture(scope="session")
def bare(tiny: tuple[str, ...]) -> tuple[str, ...]:
    """Overrides of a run in half a second: only what is always written, so no report, probes, or pictures."""
    return (*tiny, "logging=minimal")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run on a few drawn pictures, with a test split and augmentation."""
    from catsdogs_exp.__main__ import main

    outputs = tmp_path_factory.mktemp("outputs")
    assert main([*TINY, "augment=course", "logging.activations.every=2", f"output_dir={outputs}"]) == 0
    (folder,) = (outputs / "drawn").iterdir()
    return folder


@pytest.fixture(scope="session")
def weights_of() -> Callable[[Path], list[bytes]]:
    """The weights of a run's best network, byte for byte."""

    def read(run: Path) -> list[bytes]:
        from catsdogs_exp.training.checkpoint.model_file import load_model

        model, _ = load_model(run / "checkpoints" / "best.keras")
        return [np.asarray(weight).tobytes() for weight in model.get_weights()]

    return read


BROWSER_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # no page leaves the machine
)
WIDTHS = MappingProxyType({"desktop": 1280, "phone": 390})


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium, driven by selenium; skips where none is installed, but never in CI."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        assert not os.environ.get("CI"), "CI must have Debian's chromium and chromium-driver"
        pytest.skip("needs Debian's chromium and chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*BROWSER_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield started
    started.quit()


@pytest.fixture
def open_page(chromium: Any) -> Callable[..., Any]:
    """`open_page(path, width="phone", dark=True)`: opens a page from its file and returns the browser.

    Fails when the page writes to the console, asks for anything but itself, has a picture that does not show, or is
    wider than the screen.
    """

    def show(path: Path, width: str = "desktop", dark: bool = False) -> Any:
        screen = {"width": WIDTHS[width], "height": 900, "deviceScaleFactor": 1, "mobile": width == "phone"}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        for log in ("browser", "performance"):
            chromium.get_log(log)  # what earlier pages said
        chromium.get(path.as_uri())
        missing = "image => !image.complete || !image.naturalWidth"
        assert chromium.execute_script(f"return [...document.images].filter({missing}).map(image => image.alt)") == []
        wide = chromium.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{wide} pixels wider than the {width}"
        assert chromium.get_log("browser") == []
        events = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
        asked = [
            event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
        ]
        assert {url.partition("#")[0] for url in asked if not url.startswith("data:")} == {path.as_uri()}
        return chromium

    return show


@pytest.fixture(scope="session")
def real_photos() -> Path:
    """The archive of 3,000 real photos, where it lies beside the checkout."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "cats_and_dogs_filtered.zip"
    if not path.is_file():
        pytest.skip("the real photos are not here")
    return path
