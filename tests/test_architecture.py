"""The architecture: allowed imports, module sizes, and what must not import TensorFlow."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import catsdogs_exp

PACKAGE = Path(catsdogs_exp.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
# Data flows from left to right, and a room imports from the rooms to its left.
ROOMS = (
    "config",
    "data",
    "models",
    "metrics",
    "training",
    "insight",
    "record",
    "inference",
    "report",
    "run",
    "sweep",
    "cli",
    "notebook",
)
EVERYWHERE = ("compat", "errors", "natural_sort", "printable", "platforms", "process", "signals")
MOST_LINES = 400
MOST_ARGUMENTS = 5
LONGER: dict[str, str] = {}  # module -> why it may be


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports(path: Path) -> Iterator[str]:
    """The modules of the package that a file imports anywhere, without `catsdogs_exp.`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            # `from catsdogs_exp.run import job` names a module behind `import`
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in found:
            package, _, rest = name.partition(".")
            if package == "catsdogs_exp" and not rest.startswith("__"):
                yield rest


def allowed(path: Path) -> set[str]:
    """The rooms that a file may import from."""
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in ROOMS:
        return {*ROOMS[: ROOMS.index(room) + 1], *EVERYWHERE}
    if room in ("__main__", "__init__"):  # the command line, and the Python interface
        return {*ROOMS, *EVERYWHERE}
    return set(EVERYWHERE)


def test_every_module_has_a_room() -> None:
    assert {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES} == {
        *ROOMS,
        *EVERYWHERE,
        "__init__",
        "__main__",
    }


def test_rooms_import_from_their_left() -> None:
    wrong = {
        name_of(path): {name for name in imports(path) if name.partition(".")[0] not in allowed(path)}
        for path in MODULES
    }
    assert {path: names for path, names in wrong.items() if names} == {}


def test_the_reading_of_imports_sees_them_all(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "import os, catsdogs_exp.run.train\nfrom catsdogs_exp.run import job\n"
        "def f():\n    from catsdogs_exp.cli.help import page\n    from catsdogs_expander import x\n",
        encoding="utf-8",
    )
    assert list(imports(file)) == ["run.train", "run.job", "cli.help.page"]


def test_no_module_outgrows_its_room() -> None:
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > MOST_LINES and name not in LONGER} == {}
    assert {name for name in LONGER if lines.get(name, 0) <= MOST_LINES} == set()


def too_many_arguments(path: Path) -> Iterator[str]:
    """Functions of a file with more arguments than `MOST_ARGUMENTS`, `self` not counted, and no reason beside them."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            count = len(names) - (names[:1] in (["self"], ["cls"]))
            if count > MOST_ARGUMENTS and not re.search(r"# noqa: PLR0913  \(.{10,}\)$", lines[node.lineno - 1]):
                yield f"{path.name}: {node.name} takes {count}"


def test_no_function_takes_more_than_five_arguments_without_a_reason() -> None:
    assert [found for path in MODULES for found in too_many_arguments(path)] == []


def test_the_counting_of_arguments_sees_them_all(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "class A:\n"
        "    def enough(self, a, b, c, d, e): ...\n"
        "    def more(self, a, b, c, d, e, *, f): ...\n"
        "async def also(a, /, b, c, d, e, f): ...\n"
        "def without(a, b, c, d, e, f): ...  # noqa: PLR0913\n"
        "def beside(a, b, c, d, e, f): ...  # noqa: PLR0913  (as the framework calls it)\n",
        encoding="utf-8",
    )
    assert sorted(too_many_arguments(file)) == [
        "module.py: also takes 6",
        "module.py: more takes 6",
        "module.py: without takes 6",
    ]


def test_every_module_says_what_it_is_for() -> None:
    texts = {name_of(path): path.read_text(encoding="utf-8") for path in MODULES}
    assert [name for name, text in texts.items() if text.strip() and not ast.get_docstring(ast.parse(text))] == []


@pytest.mark.parametrize(
    "module",
    [
        "__main__",
        "cli.train",
        "cli.help",
        "sweep.jobs",
        "sweep.start",
        "sweep.run_sweep",
        "run.train",
        "data.open_data",
        "data.loaders",
        "config.compose",
    ],
)
def test_what_has_to_answer_at_once_does_not_import_tensorflow(module: str) -> None:
    program = (
        f"import sys, catsdogs_exp.{module}; "
        "print(sorted({'tensorflow', 'keras', 'tensorboard', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# What stands below a public interface, and so in `compat.py` alone.
_INTERNAL = ("tensorflow.python", "tensorflow.core", "tensorflow.compat.v1", "keras.src", "hydra._internal")
_INTERNAL_ATTRIBUTES = ("tf.compat.v1", "tf.__internal__", "tf.python", "keras.src")


def _bound_names(tree: ast.AST) -> set[str]:
    """Names that a module gives to something itself: functions, attributes of its own objects, fields."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            own = isinstance(node, ast.Name) or (isinstance(node.value, ast.Name) and node.value.id == "self")
            if own:
                found.add(node.id if isinstance(node, ast.Name) else node.attr)
    return found


def _is_private(name: str) -> bool:
    documented = ("_asdict", "_fields", "_make", "_replace")  # of named tuples
    return name.startswith("_") and not name.startswith("__") and name != "_" and name not in documented


def foreign(path: Path, ours: set[str]) -> Iterator[str]:
    """What a file uses of the insides of other libraries; `ours` are the private names of the whole package."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call):  # import_module("re._parser"), getattr(x, "_y")
            texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            function = ast.unparse(node.func)
            if function.endswith("import_module"):
                modules = texts
            elif function in ("getattr", "hasattr", "setattr", "delattr"):
                yield from (f"{function}(..., {text!r})" for text in texts if _is_private(text) and text not in ours)
        elif isinstance(node, ast.Constant):  # type(x).__module__ == "keras.src.layers"
            if isinstance(node.value, str) and node.value.startswith(_INTERNAL):
                yield repr(node.value)
        elif isinstance(node, ast.Attribute):
            whole = ast.unparse(node)
            private = _is_private(node.attr) and node.attr not in ours
            dataclass = node.attr in ("__dataclass_params__", "__dataclass_fields__")
            if private or dataclass or whole in _INTERNAL_ATTRIBUTES:
                yield whole
        for module in modules:
            own = module.startswith("catsdogs_exp")
            if module.startswith(_INTERNAL) or (not own and any(_is_private(part) for part in module.split("."))):
                yield f"import {module}"


def test_what_is_private_to_others_is_used_at_the_border_alone() -> None:
    inside = [path for path in MODULES if name_of(path) != "compat.py"]
    ours = set().union(*(_bound_names(ast.parse(path.read_text(encoding="utf-8"))) for path in inside))
    found = {name_of(path): sorted(set(foreign(path, ours))) for path in inside}
    hint = "move it to catsdogs_exp/compat.py, with a test in tests/test_compat.py"
    assert {path: names for path, names in found.items() if names} == {}, hint


def test_the_search_for_private_names_sees_them_all(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "import re._parser\nfrom tensorflow.python.framework import ops\nfrom hydra._internal import utils\n"
        "from zipfile import _EndRecData\nimport importlib\nimportlib.import_module('sre._x')\n"
        "class A(keras.Layer):\n"
        "    def call(self):\n        self._mine = 1\n        self._theirs()\n        return self._mine\n"
        "def f(x):\n    getattr(x, '_hidden', {})\n    x.y._deep = 1\n    tf.compat.v1.nn.relu(x)\n    super()._up()\n"
        "    type(x).__dataclass_params__\n    type(x).__module__ == 'keras.src.x'\n",
        encoding="utf-8",
    )
    ours = _bound_names(ast.parse(file.read_text(encoding="utf-8")))
    assert sorted(foreign(file, ours)) == sorted(
        [
            "import re._parser",
            "import tensorflow.python.framework.ops",
            "import hydra._internal.utils",
            "import zipfile._EndRecData",
            "import sre._x",
            "self._theirs",
            "getattr(..., '_hidden')",
            "x.y._deep",
            "tf.compat.v1",
            "super()._up",
            "type(x).__dataclass_params__",
            "'keras.src.x'",
        ]
    )
