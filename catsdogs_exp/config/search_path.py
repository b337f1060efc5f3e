"""Where configs are found: `conf/` and `experiments/`, next to the package in a checkout, inside it in a wheel."""

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin

from catsdogs_exp.compat import FileConfigSource, forget_stored_config
from catsdogs_exp.config.registry import OFFERED

_PACKAGE = Path(__file__).resolve().parent.parent


def _beside_or_inside(name: str) -> Path:
    beside = _PACKAGE.parent / name
    return beside if (beside / ".." / "pyproject.toml").is_file() else _PACKAGE / name


CONF = _beside_or_inside("conf")
EXPERIMENTS = _beside_or_inside("experiments")


class ExperimentsSource(FileConfigSource):
    """Exposes the files of `experiments/` as the config group `experiment`."""

    @staticmethod
    def scheme() -> str:
        """Returns the scheme, the part before `://`, for Hydra's search path."""
        return "experiments"

    @staticmethod
    def _inside(config_path: str) -> str | None:
        """Returns the path below `experiments/`, or None if it is not in the group."""
        group, _, rest = config_path.partition("/")
        return rest if group == "experiment" else None

    def load_config(self, config_path: str) -> ConfigResult:
        """Reads a recipe."""
        return super().load_config(self._inside(config_path) or config_path)

    def available(self) -> bool:
        """Returns whether the folder exists."""
        return Path(self.path).is_dir()

    def is_group(self, config_path: str) -> bool:
        """Returns whether the path is the group itself or a folder of recipes in it."""
        inside = self._inside(config_path)
        return config_path == "" or (inside is not None and super().is_group(inside))

    def is_config(self, config_path: str) -> bool:
        """Returns whether the path is a recipe."""
        inside = self._inside(config_path)
        return bool(inside) and super().is_config(inside or "")

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Lists the names in the group, for `glob(*)`, completion and messages."""
        if config_path == "":
            return ["experiment"] if results_filter != ObjectType.CONFIG else []
        inside = self._inside(config_path)
        if inside is None:
            return []
        # through the plain source: the inherited method would call our `is_config` without `experiment/`
        listed: list[str] = FileConfigSource(self.provider, self.path).list(inside, results_filter)
        return listed


class ExperimentsSearchPath(SearchPathPlugin):
    """Puts `experiments/` on the search path with a plugin, because `glob` ignores `hydra.searchpath`."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra when it assembles the search path."""
        search_path.append(provider="catsdogs_exp", path=f"experiments://{EXPERIMENTS}")


def register() -> None:
    """Makes `experiment=NAME` known to Hydra. Idempotent."""
    plugins = Plugins.instance()
    plugins.register(ExperimentsSource)
    plugins.register(ExperimentsSearchPath)
    for file in (CONF / "hydra" / "launcher").glob("*.yaml"):  # ours, with settings suited to training
        forget_stored_config("hydra/launcher", file.stem)


def groups() -> dict[str, list[str]]:
    """Lists the config groups and their choices: `{"model": ["cnn", ...], ..., "experiment": [...]}`.

    They come from files and loaded plugins.
    """
    found = {
        folder.name: sorted([*(file.stem for file in folder.glob("*.yaml")), *OFFERED.get(folder.name, [])])
        for folder in sorted(CONF.iterdir())
        if folder.is_dir() and folder.name != "hydra"  # its choices are Hydra's sweepers and launchers
    }
    found["experiment"] = sorted(
        file.relative_to(EXPERIMENTS).with_suffix("").as_posix() for file in EXPERIMENTS.rglob("*.yaml")
    )
    return found
