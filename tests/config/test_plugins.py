"""The user's own modules: what they can register, errors when they fail, and that no run folder imports one."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from catsdogs_exp import process
from catsdogs_exp.__main__ import main
from catsdogs_exp.config import plugins
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.registry import offer
from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.search_path import groups
from catsdogs_exp.config.stored import changed_by, stored_config
from catsdogs_exp.data.augmentation import apply, draw
from catsdogs_exp.errors import BadInput
from catsdogs_exp.sweep.grid import expand

Capture = pytest.CaptureFixture[str]
NETWORK = """
from dataclasses import dataclass
from catsdogs_exp.config.schema.limits import setting
from catsdogs_exp.models import register

@dataclass(frozen=True)
class Settings:
    \"\"\"A network of the tests.\"\"\"
    name: str = "NAME"
    width: int = setting("filters", default=8, at_least=1)
    sizes: tuple[int, ...] = setting("of kernels", default=(3, 3), at_least=1)
    head: str = setting("the last layer", default="auto", choices=("auto", "softmax"))

@register("NAME", settings=Settings, target_size=48)
def build(model, input_shape, head):
    import keras
    return keras.Sequential([
        keras.Input(input_shape), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(model.width, 3),
        keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(head.units, head.activation, dtype="float32"),
    ])
"""


def configs_of(words: list[str], config_dir: str | None = None) -> list[Config]:
    """The configs of a sweep's jobs."""
    return [config_of(job, config_dir) for job in expand(words, config_dir).jobs()]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes a module into the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text.replace("NAME", name), encoding="utf-8")
        return name

    return write


def refusal(*words: str) -> str:
    with pytest.raises(BadInput) as caught:
        config_of(words)
    return str(caught.value)


def test_a_network_is_chosen_by_its_name_with_checked_settings(module: Callable[..., str]) -> None:
    name = module("p_chosen", NETWORK)
    made = config_of([f"plugins=[{name}]", f"model={name}", "model.width=4"])
    assert (made.model.name, made.model.width, made.model.sizes) == (name, 4, (3, 3))
    assert (made.plugins, made.target_size) == ((name,), (48, 48))
    assert config_of([f"plugins={name}", f"model={name}", "target_size=32"]).loader.target_size == (32, 32)
    words = (f"plugins=[{name}]", f"model={name}")
    assert refusal(*words, "model.width=0") == "model.width must be a whole number >= 1. Received: model.width=0"
    assert refusal(*words, "model.widht=1").startswith("Unknown setting: model.widht. Did you mean model.width")
    assert refusal(f"plugins=[{name}]", "model=p_choosen").endswith("Did you mean p_chosen?")
    assert name in groups()["model"]
    both = configs_of([f"plugins=[{name}]", f"model=cnn,{name}"])
    assert [each.model.name for each in both] == ["cnn", name]


def test_a_recipe_may_name_plugins(module: Callable[..., str], tmp_path: Path) -> None:
    name = module("p_recipe", NETWORK)
    (tmp_path / "experiment").mkdir()
    text = f"# @package _global_\nplugins: [{name}]\nmodel:\n  width: 2\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(text, encoding="utf-8")
    plugins.load([name])  # what a recipe changes must be chosen by name, so the plugin comes first
    made = config_of(["experiment=mine", f"model={name}"], str(tmp_path))
    assert (made.plugins, made.model.width) == ((name,), 2)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "p_syntax",
            "def f(:",
            "The plugin p_syntax fails: SyntaxError: invalid syntax",
        ),
        (
            "p_error",
            "x = 1\n1 / 0",
            "The plugin p_error fails: ZeroDivisionError: division by zero (p_error.py",
        ),
        ("p_exit", "raise SystemExit(3)", "The plugin p_exit fails: SystemExit: 3 (p_exit.py, line 1)"),
        (
            "p_needs",
            "import not_there_at_all",
            "The plugin p_needs needs a module that is not installed: not_there",
        ),
        (
            "p_taken",
            NETWORK.replace("NAME", "cnn"),
            "The plugin p_taken fails: ValueError: A model named 'cnn' is already registered by catsdogs_exp.models",
        ),
        (
            "p_bare",
            "from catsdogs_exp.models import register\n@register('p_bare')\ndef f(*_): ...",
            "The plugin p_bare fails: ValueError: The model 'p_bare' needs a dataclass of settings",
        ),
        (
            "p_headless",
            NETWORK.replace("    head:", "    tail:"),
            "The plugin p_headless fails: ValueError: The settings of the model 'p_headless' need the field: head.",
        ),
        (
            "p_default",
            NETWORK.replace("default=8, ", "").replace("frozen=True", "frozen=True, kw_only=True"),
            "The plugin p_default fails: ValueError: The settings of the model 'p_default' need a default for: width.",
        ),
    ],
)
def test_a_plugin_that_fails_is_one_line(
    module: Callable[..., str], name: str, text: str, message: str, capsys: Capture
) -> None:
    module(name, text)
    assert main([f"plugins=[{name}]", "--cfg", "job"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(f"error: {message}") and said.err.count("\n") == 1


def test_a_plugin_that_is_not_there(module: Callable[..., str], tmp_path: Path) -> None:
    assert refusal("plugins=[p_nowhere]") == (
        "plugins must name modules that can be imported. Received: plugins=[p_nowhere]. "
        f"Looked for p_nowhere in {tmp_path} and in Python's own folders"
    )
    assert refusal("plugins=[../evil]") == (
        "plugins must be names of modules, such as [my_networks], not paths. Received: plugins=[../evil]"
    )


def test_what_a_plugin_says_stays_and_what_tensorflow_says_goes(module: Callable[..., str], capfd: Capture) -> None:
    module(
        "p_talks",
        "import os, sys\nprint('mine', file=sys.stderr)\n"
        "os.write(2, b'I0000 00:00:1795464136.6 31159 port.cc:153] oneDNN\\n')\n"
        "os.write(2, b'To enable the following instructions: AVX2\\n')\n",
    )
    with process.command_line():
        plugins.load(["p_talks"])
    assert capfd.readouterr().err == "mine\n"


def test_dataclasses_that_are_no_settings() -> None:
    @dataclass
    class Loose:
        name: str = "loose"

    with pytest.raises(ValueError, match="must be a frozen dataclass"):
        offer("model", "loose", Loose, {})
    with pytest.raises(ValueError, match="A model named 'taken' already exists"):
        offer("model", "taken", Loose, {"taken": Loose})


def hostile_run(folder: Path, overrides: list[str], **config: object) -> Path:
    folder.mkdir()
    plain = yaml.safe_load(yaml.safe_dump(config))
    (folder / "config.yaml").write_text(yaml.safe_dump(plain), encoding="utf-8")
    (folder / "overrides.yaml").write_text(yaml.safe_dump(overrides), encoding="utf-8")
    return folder


def test_a_run_folder_imports_nothing(module: Callable[..., str], tmp_path: Path, tiny: tuple[str, ...]) -> None:
    """Neither by its config, nor by what was typed, nor by a folder of configs that it names."""
    from catsdogs_exp.config.build import to_plain

    module("p_hostile", "from pathlib import Path\nPath('ran').touch()")
    plain = to_plain(config_of(tiny))
    needs = r"The run needs a plugin, which is a program: p_hostile\..* --plugins p_hostile"
    by_config = hostile_run(tmp_path / "by_config", [], **(plain | {"plugins": ["p_hostile"]}))
    with pytest.raises(BadInput, match=needs):
        stored_config(by_config)
    by_word = hostile_run(tmp_path / "by_word", ["plugins=[p_hostile]"], **plain)
    with pytest.raises(BadInput, match=needs):
        changed_by(by_word, ["epochs=9"])
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "evil.yaml").write_text("# @package _global_\nplugins: [p_hostile]\n")
    words = [f"hydra.searchpath=[file://{tmp_path}]", "+experiment=evil"]
    by_path = hostile_run(tmp_path / "by_path", words, **plain)
    with pytest.raises(BadInput):
        changed_by(by_path, ["epochs=9"])
    assert not (tmp_path / "ran").exists() and "p_hostile" not in sys.modules
    plugins.load(["p_hostile"])  # what the user names himself
    assert stored_config(by_config).plugins == ("p_hostile",) and (tmp_path / "ran").exists()


@pytest.mark.parametrize("words", [["evaluate", "RUN", "--plugins"], ["--plugins=", "lr=1"]])
def test_the_flag_needs_a_name(words: list[str], capsys: Capture) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err == "error: --plugins must name modules: --plugins my_networks. Received none\n"


LAYER = """
import keras
@keras.saving.register_keras_serializable("NAME")
class Centred(keras.layers.Layer):
    def call(self, pixels):
        return keras.ops.cast(pixels, self.compute_dtype) / 127.5 - 1
"""


@pytest.mark.slow
def test_a_run_with_a_plugins_network_and_layer(
    module: Callable[..., str], tmp_path: Path, tiny: tuple[str, ...], capsys: Capture
) -> None:
    name = module("p_run", NETWORK.replace("keras.layers.Rescaling(1 / 255)", "Centred()") + LAYER)
    small = [word for word in tiny if not word.startswith(("depth", "model", "epochs"))]
    words = ["--plugins", name, f"model={name}", *small, "epochs=1", f"output_dir={tmp_path / 'out'}"]
    assert main(["-m", *words, "model.width=2,3"]) == 0
    runs = sorted((tmp_path / "out" / "drawn").glob("*/[01]-*"))
    assert [yaml.safe_load((run / "config.yaml").read_text())["plugins"] for run in runs] == [[name], [name]]
    capsys.readouterr()
    assert main(["evaluate", str(runs[0]), "--json"]) == 0  # the plugin is here already
    assert '"accuracy"' in capsys.readouterr().out
    assert main(["resume", str(runs[0]), "epochs=2"]) == 0

    import subprocess

    # another process knows nothing of the plugin
    asked = [sys.executable, "-m", "catsdogs_exp", "evaluate", str(runs[1]), "--json"]
    without = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert without.returncode == 2 and without.stdout == ""
    assert "--plugins" in without.stderr and "Traceback" not in without.stderr
    named = subprocess.run([*asked, "--plugins", name], capture_output=True, text=True, check=False)
    assert named.returncode == 0 and named.stderr.startswith("written: ") and named.stderr.count("\n") == 1
    assert '"accuracy"' in named.stdout


SOURCE = """
from dataclasses import dataclass
from pathlib import Path
from catsdogs_exp.config.schema.datasets import ImageFiles
from catsdogs_exp.config.schema.limits import setting
from catsdogs_exp.data.sources.registry import register_source

@dataclass(frozen=True)
class Shots(ImageFiles):
    year: int = setting("of the pictures", default=2020, at_least=1900)

@register_source("NAME", settings=Shots)
def shots(dataset):
    return Path(str(dataset.year))
"""


def test_a_source(module: Callable[..., str], photo_folder: Callable[..., Path], capsys: Capture) -> None:
    name = module("p_source", SOURCE)
    photo_folder({"cats": 3, "dogs": 2}, name="2021")
    assert main(["inspect", "--json", f"plugins=[{name}]", f"dataset={name}", "dataset.year=2021"]) == 0
    assert '"files": 5' in capsys.readouterr().out
    assert refusal(f"plugins=[{name}]", f"dataset={name}", "dataset.year=1").startswith("dataset.year must be a whole")


def test_settings_of_a_source_derive_from_ours() -> None:
    from catsdogs_exp.data.sources.registry import register_source

    @dataclass(frozen=True)
    class Alone:
        name: str = "alone"

    with pytest.raises(ValueError, match="must derive from ImageFiles"):
        register_source("alone", settings=Alone)  # type: ignore[type-var]


OPERATION = """
from catsdogs_exp.data.augmentation import register_operation

@register_operation("NAME")
def darker(image, chance):
    return image // 2
"""


@pytest.mark.parametrize("time", ["first", "second"])
def test_no_plugin_outlives_its_test(module: Callable[..., str], time: str) -> None:
    """The fixture that all tests share: the second time nothing of the first is left, neither names nor modules."""
    import keras

    from catsdogs_exp.config.known_models import ABOUT
    from catsdogs_exp.config.schema.models import MODELS
    from catsdogs_exp.models import build_model

    about = ", about=About('nowhere'), target_size=48"
    text = NETWORK.replace(", target_size=48", about)
    text = "from catsdogs_exp.models.registry import About\n" + text + LAYER + SOURCE + OPERATION
    name = module("p_twice", text.replace('@register_source("NAME"', '@register_source("NAME_set"'))
    assert name not in MODELS and name not in ABOUT and name not in sys.modules
    words = [f"plugins=[{name}]", f"model={name}", f"dataset={name}_set", f"augment.custom=[{name}]"]
    made = config_of(words)  # a name that is taken would be refused
    assert build_model(made.model, (48, 48), 2).count_params() > 0
    assert ABOUT[name].source == "nowhere"
    keras.saving.get_registered_object(f"{name}>Centred").first = time
    assert time == sys.modules[name].Centred.first


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lays a package where Python looks for packages, as pip does: modules, and the short names of its entry points."""
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])

    def install(modules: dict[str, str], names: dict[str, str]) -> None:
        about = site / "cats_extras-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cats-extras\nVersion: 1.0\n", encoding="utf-8")
        lines = [f"[{plugins.GROUP}]", *(f"{name} = {module}" for name, module in names.items())]
        (about / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        for module, text in modules.items():
            (site / f"{module}.py").write_text(text.replace("NAME", module), encoding="utf-8")

    return install


def test_an_installed_package_enters_a_network_a_source_and_an_operation(
    installed: Callable[..., None], photo_folder: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    installed(
        {"e_network": NETWORK, "e_source": SOURCE, "e_operation": OPERATION},
        {"nets": "e_network", "shots": "e_source", "dim": "e_operation"},
    )
    photo_folder({"cats": 8, "dogs": 8}, name="elsewhere/2021")
    words = ("model=e_network", "dataset=e_source", "dataset.year=2021", "augment.custom=[e_operation]")
    small = ("target_size=16", "batch_size=4", "epochs=1", "logging=minimal")
    assert main([*words, *small, f"output_dir={tmp_path / 'out'}"]) == 2  # installed is not named
    assert "Received: model=e_network." in capsys.readouterr().err
    assert main(["--plugins", "nets,shots,dim", *words, *small, f"output_dir={tmp_path / 'out'}"]) == 0
    (run,) = (tmp_path / "out" / "e_source").iterdir()
    kept = stored_config(run)
    assert kept.plugins == ("nets", "shots", "dim")
    assert (kept.model.name, kept.dataset.name, kept.augment.custom) == ("e_network", "e_source", ("e_operation",))
    assert json.loads((run / "result.json").read_text())["classes"] == ["cats", "dogs"]
    grey = np.full((4, 5, 3), 100, np.uint8)
    np.testing.assert_array_equal(apply(grey, draw(kept.augment, 0, 0, 0), kept.augment), grey // 2)


def test_a_short_name_whose_module_is_gone_says_which_one(installed: Callable[..., None]) -> None:
    installed({}, {"lost": "e_lost"})
    assert refusal("plugins=[lost]").startswith(
        "plugins must name modules that can be imported. Received: plugins=[lost]. Looked for e_lost in "
    )


SUBCLASS = """
from dataclasses import dataclass
from catsdogs_exp.models import register

@dataclass(frozen=True)
class Settings:
    name: str = "p_sub"
    head: str = "auto"

@register("p_sub", settings=Settings)
def build(model, input_shape, head):
    import keras

    @keras.saving.register_keras_serializable("p_sub")
    class Sub(keras.Model):
        def __init__(self, units, activation, **kw):
            super().__init__(**kw)
            self.units, self.activation = units, activation
            self.scale = keras.layers.Rescaling(1 / 255)
            self.conv = keras.layers.Conv2D(4, 3)
            self.pool = keras.layers.GlobalAveragePooling2D()
            self.out = keras.layers.Dense(units, activation, dtype="float32")
        def call(self, x):
            return self.out(self.pool(self.conv(self.scale(x))))
        def get_config(self):
            return {"units": self.units, "activation": self.activation}

    made = Sub(head.units, head.activation)
    made(keras.ops.zeros((1, *input_shape)))
    made.input_shape = (None, *input_shape)
    made.output_shape = (None, head.units)
    return made
"""


def test_a_network_without_a_graph_trains_and_lacks_only_what_needs_one(
    module: Callable[..., str], tmp_path: Path, tiny: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    name = module("p_sub", SUBCLASS)
    words = [word for word in tiny if not word.startswith(("depth=", "model."))]
    words = [f"plugins=[{name}]", "model=p_sub", *words, "epochs=1", "logging.board.graph=true"]
    assert main([*words, "logging.board.embedding=8", f"output_dir={tmp_path}"]) == 0
    assert "activations and linear probes are not recorded: The network" in capsys.readouterr().err
    assert list(tmp_path.glob("drawn/*/report.html")) and list(tmp_path.glob("drawn/*/checkpoints/best.keras"))


MAPPINGS = """
from dataclasses import dataclass, field
from catsdogs_exp.models import register

@dataclass(frozen=True)
class Settings:
    \"\"\"Mappings.\"\"\"
    name: str = "NAME"
    scales: dict[str, float] = field(default_factory=lambda: {"a": 1.0})
    flags: dict[str, bool] | None = None
    titles: dict[str, str] = field(default_factory=lambda: {"a": "x"})
    head: str = "auto"

@register("NAME", settings=Settings)
def build(model, input_shape, head): ...
"""


def test_a_mapping_is_replaced_as_a_whole_and_extended_by_name(module: Callable[..., str]) -> None:
    chosen = [f"plugins=[{(name := module('p_mappings', MAPPINGS))}]", f"model={name}"]

    def made(*words: str) -> Any:
        return config_of([*chosen, *words]).model

    assert made("model.scales={a: 2, b: 3}").scales == {"a": 2.0, "b": 3.0}
    assert made("model.scales={b: 1e-3}").scales == {"b": 0.001}  # not merged with the default
    assert made("model.scales={}").scales == made("model.titles={}").titles == {}
    assert made("+model.scales.b=3", "+model.scales.c=4").scales == {"a": 1.0, "b": 3.0, "c": 4.0}
    assert made("model.scales.a=5").scales == {"a": 5.0}
    assert made("model.flags={1: true, b: false}").flags == {"1": True, "b": False}
    assert made("model.flags=null").flags is None
    for wrong, each in (("scales=[a,b]", "a number"), ("scales={a: x}", "a number"), ("flags={a: 1}", "true or false")):
        key = f"model.{wrong.partition('=')[0]}"
        message = refusal(*chosen, f"model.{wrong}")
        assert message.startswith(f"{key} must be a mapping of names to values, {{a: ..., b: ...}}, each {each}. Rec")
    swept = configs_of([*chosen, "model.scales={a: 1, b: 2},{}", "model.titles={a: 1.10}"])
    assert [each.model.scales for each in swept] == [{"a": 1.0, "b": 2.0}, {}]
    assert swept[0].model.titles == {"a": "1.10"}


@pytest.mark.parametrize("key", ["logging.listeners", "augment.custom"])
def test_names_that_would_end_the_line_do_not(key: str) -> None:
    message = refusal(f"{key}=[a\rb]")
    assert f"Received: {key}=[a\\rb]." in message and len(message.splitlines()) == 1
