"""The page printed by `--help`."""

from dataclasses import fields

from catsdogs_exp.__main__ import COMMANDS
from catsdogs_exp.config.schema import FLAT_KEYS, Config
from catsdogs_exp.config.search_path import CONF, groups

_EXAMPLES = (
    ("", "cats and dogs drawn by the program, five epochs"),
    ("dataset=folder dataset.path=~/photos", "your own images, one folder per class"),
    ("lr=0.0001 depth=4 augment=course", "other settings"),
    ("-m lr=0.01,0.001 depth=2,3", "every combination, one run each"),
    ("experiment=course_week1 dataset.path=cats_and_dogs_filtered.zip", "a recipe"),
)


def page() -> str:
    """The help page: what to type, the flat keys, the groups and their choices, examples."""
    import yaml

    defaults = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    chosen = {k: v for entry in defaults["defaults"] if isinstance(entry, dict) for k, v in entry.items()}
    texts = {field.name: field.metadata["help"] for field in fields(Config) if field.metadata}
    width = max(map(len, COMMANDS))
    lines = [
        "Image classification experiments: a config becomes a run folder.",
        "",
        "Usage",
        f"  python -m catsdogs_exp {'[key=value ...]':<{width + 4}}  train (-m: a sweep over several values)",
        *(f"  python -m catsdogs_exp {f'{name} ...':<{width + 4}}  {text}" for name, text in COMMANDS.items()),
        f"  python -m catsdogs_exp {'COMMAND --help':<{width + 4}}  the options of a command",
        "",
        "Flat keys",
        *(f"  {key:<12} {defaults[key]!s:<8} {texts[key]}" for key in FLAT_KEYS),
        "",
        "Groups: GROUP=CHOICE, and GROUP.KEY=VALUE for what is inside (* is the default)",
    ]
    for group, choices in groups().items():
        marked = [f"{choice}*" if choice == chosen.get(group) else choice for choice in choices]
        if group == "experiment":
            marked.insert(0, "auto (chooses a recipe for the data and tunes it)")
        lines.append(f"  {group:<12} {', '.join(marked)}")
    lines += ["", "Examples"]
    for arguments, text in _EXAMPLES:
        lines += [f"  # {text}", f"  python -m catsdogs_exp {arguments}".rstrip()]
    lines += [
        "",
        "Inspect without running",
        "  --cfg job           the whole config, every key with its value",
        "  --dry-run           build everything, run one batch: shapes, memory, time",
        "  --info searchpath   where configs are searched for;  --config-dir DIR adds your own folder",
        "  --hydra-help        Hydra's own flags and groups; those without an effect here are refused",
        "  --version           of this program, Python, TensorFlow, Keras and others",
        "",
        "With any command",
        "  --plugins NAMES     your own modules with networks, sources or augmentations: --plugins my_networks",
        "",
        "While it runs",
        "  -v                  TensorFlow's own messages too",
        "  --profile           a trace of some steps for TensorBoard, and the bottleneck of training",
    ]
    return "\n".join(lines)
