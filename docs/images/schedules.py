"""Makes `schedules.png`: the learning rates of all schedules over ten epochs, with and without warm-up.

python docs/images/schedules.py
"""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.training.optim.schedules import make_rate

_EPOCHS, _UPDATES = 10, 100
_SHOWN = {
    "constant": (),
    "step": ("schedule.every=3", "schedule.gamma=0.5"),
    "exponential": ("schedule.gamma=0.7",),
    "cosine": (),
    "one_cycle": (),
}


def main() -> None:
    """Draws them."""
    figure = Figure((9, 3.2), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, warmup in zip(figure.subplots(1, 2, sharey=True), (0, 2), strict=True):
        for name, words in _SHOWN.items():
            if warmup and name == "one_cycle":  # it has its own
                continue
            rise = (f"schedule.warmup_epochs={warmup}",) if warmup else ()
            config = config_of((f"schedule={name}", *words, *rise, f"epochs={_EPOCHS}", "lr=1"))
            rate = make_rate(config.schedule, 1.0, _UPDATES, _EPOCHS)
            steps = np.arange(_EPOCHS * _UPDATES)
            values = np.full(len(steps), rate) if isinstance(rate, float) else np.asarray(rate(steps))
            axes.plot(steps / _UPDATES, values, label=" ".join([name, *words]).replace("schedule.", ""))
        axes.set_title(f"schedule.warmup_epochs={warmup}", fontsize=10)
        axes.set_xlabel("epoch")
        axes.legend(fontsize=8, loc="upper right")
        axes.set_ylim(0, 1.8)
        axes.grid(alpha=0.3)
    figure.supylabel("share of lr", fontsize=10)
    figure.savefig(Path(__file__).with_suffix(".png"))


if __name__ == "__main__":
    main()
