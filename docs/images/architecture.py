"""Draws docs/images/architecture.png: the rooms of the package and the flow of data through them.

python docs/images/architecture.py
"""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

ROOMS = (
    ("config", "what is wanted\n(Hydra, checked)"),
    ("data", "which images,\nwhich batches"),
    ("models", "networks\nby name"),
    ("metrics", "numbers from\nprobabilities"),
    ("training", "steps, epochs,\ncheckpoints"),
    ("insight", "what layers\nsee"),
    ("record", "the run folder,\nwritten, read"),
    ("inference", "a trained network\nat work"),
    ("report", "pages for\npeople"),
    ("run", "one run,\ntop to bottom"),
    ("sweep", "many runs"),
    ("cli", "one module\nper command"),
    ("notebook", "the Python\ninterface"),
)


def main() -> None:
    """Writes the picture beside this file."""
    figure = Figure((14.5, 2.5), dpi=110, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, len(ROOMS) * 1.1 + 0.1)
    axes.set_ylim(0, 2)
    axes.axis("off")
    for number, (name, text) in enumerate(ROOMS):
        x = 0.1 + number * 1.1
        shade = "#e8f0fb" if name not in ("run", "sweep", "cli", "notebook") else "#fdf1e3"
        axes.add_patch(
            FancyBboxPatch((x, 0.55), 1.0, 0.95, boxstyle="round,pad=0,rounding_size=0.08", fc=shade, ec="#8a97a6")
        )
        axes.text(x + 0.5, 1.27, name, ha="center", va="center", fontsize=11, weight="bold", color="#1d2126")
        axes.text(x + 0.5, 0.88, text, ha="center", va="center", fontsize=7.5, color="#3c4650")
    axes.annotate("", (len(ROOMS) * 1.1, 1.75), (0.1, 1.75), arrowprops={"arrowstyle": "->", "color": "#5c6570"})
    axes.text(len(ROOMS) * 0.55, 1.85, "data flows to the right", ha="center", fontsize=9, color="#5c6570")
    axes.annotate("", (0.1, 0.3), (len(ROOMS) * 1.1, 0.3), arrowprops={"arrowstyle": "->", "color": "#5c6570"})
    axes.text(len(ROOMS) * 0.55, 0.08, "imports go to the left", ha="center", fontsize=9, color="#5c6570")
    figure.savefig(Path(__file__).with_suffix(".png"))


if __name__ == "__main__":
    main()
