"""Learning curves: how a metric changes with the number of training images, and what more images would bring.

Several functions are fitted, because no single one extrapolates well on all data sets (Mahmood et al., 2022, "How much
more data do I need?", arXiv 2207.01725); a parametric bootstrap over functions and noise gives the intervals. Does not
need SciPy.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_SIZES = 4
"""The number of distinct sizes that a curve needs: three to fit, and one to check the forecast."""

RESAMPLES = 400
_EXPONENTS = np.geomspace(0.03, 3.0, 120)  # of power laws; large ones fall as steeply as an exponential
_SCALES = np.geomspace(0.05, 20.0, 120)  # of the exponential, in multiples of the largest number of images

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Forecast:
    """A forecast for a number of training images.

    Attributes:
        images: number of training images.
        value: the median of all fits.
        low, high: the 95 % interval of the fits.
    """

    images: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LearningCurve:
    """A fitted learning curve.

    Attributes:
        sizes: numbers of training images, ascending.
        values: the mean metric at each size.
        weights: function -> Akaike weight, 0..1; they sum to 1.
        forecasts: at twice and ten times the largest size.
        check: the forecast of the largest size from the smaller ones alone.
        line: the fitted curve from the smallest size to ten times the largest, for drawing.
    """

    sizes: tuple[int, ...]
    values: tuple[float, ...]
    weights: Mapping[str, float]
    forecasts: tuple[Forecast, ...]
    check: Forecast
    line: tuple[Forecast, ...]

    @property
    def missed_by(self) -> float:
        """Returns the difference between the check's forecast and the value that the largest size reached."""
        return abs(self.check.value - self.values[-1])


@dataclass(frozen=True)
class Noise:
    """What is known about the noise of the values.

    Attributes:
        is_share: whether values are proportions of images, such as the accuracy: they stay within 0..1, and have at
            least the sampling noise of the evaluated images. Losses have at least that of images whose losses vary as
            much as their mean.
        judged: number of images that the values were measured on.
    """

    is_share: bool
    judged: int


def fit_learning_curve(sizes: Sequence[int], values: Sequence[float], noise: Noise) -> LearningCurve:
    """Fits a learning curve and extrapolates it.

    Args:
        sizes: number of training images per measurement, >= `FEWEST_SIZES` distinct ones; several seeds may share a
            size.
        values: the metric: a proportion that grows towards 1, or a loss >= 0 that falls.
        noise: noise of the values.

    Raises:
        ValueError: for fewer distinct sizes.
    """
    distinct = sorted(set(sizes))
    if len(distinct) < FEWEST_SIZES:
        raise ValueError(f"a learning curve needs {FEWEST_SIZES} sizes. Received: {len(distinct)}")
    n, v = np.asarray(sizes, np.float64), np.asarray(values, np.float64)
    largest = distinct[-1]
    asked = np.unique(np.geomspace(distinct[0], 10 * largest, 40).round().astype(np.int64))
    forecasts, weights = _forecast(n, v, noise, [2 * largest, 10 * largest, *asked.tolist()])
    smaller = n < largest
    check, _ = _forecast(n[smaller], v[smaller], noise, [largest])
    return LearningCurve(
        tuple(distinct),
        tuple(float(v[n == size].mean()) for size in distinct),
        weights,
        forecasts[:2],
        check[0],
        forecasts[2:],
    )


# A family of functions: sizes -> float64 [k, n], their shape at these sizes for each of k exponents or scales.
_Family = Callable[[Array, float], Array]


def _powers(n: Array, largest: float) -> Array:
    return np.asarray((n[None] / largest) ** -_EXPONENTS[:, None])


def _exponentials(n: Array, largest: float) -> Array:
    return np.asarray(np.exp(-n[None] / largest / _SCALES[:, None]))


def _logarithm(n: Array, largest: float) -> Array:
    return np.asarray(1 - np.log(n[None] / largest))


# The error is offset + height * shape, both >= 0: whether there is an offset, the shape, and its free numbers.
_FUNCTIONS: Mapping[str, tuple[bool, _Family, int]] = {
    "power law": (False, _powers, 2),
    "power law with offset": (True, _powers, 3),
    "exponential": (True, _exponentials, 3),
    "logarithm": (True, _logarithm, 2),
}


@dataclass(frozen=True)
class _Fit:
    """The best member of a family: for each of r data sets, its parameters and the sum of squared residuals."""

    offset: Array  # [r]
    height: Array  # [r]
    member: NDArray[np.intp]  # [r]
    squares: Array  # [r]


def _forecast(
    n: Array, v: Array, noise: Noise, asked: Sequence[int]
) -> tuple[tuple[Forecast, ...], Mapping[str, float]]:
    """Returns forecasts at some sizes, and the weights of the functions."""
    errors = 1 - v if noise.is_share else v
    largest = float(n.max())
    fits = {name: _fit(errors[None], _FUNCTIONS[name], n, largest) for name in _FUNCTIONS}
    # a function with as many free numbers as there are points goes through all of them, whatever the noise
    freedom = {name: len(n) - _FUNCTIONS[name][2] for name in _FUNCTIONS if len(n) > _FUNCTIONS[name][2]}
    deviation = min(math.sqrt(float(fits[name].squares[0]) / free) for name, free in freedom.items())
    if noise.is_share:
        mean = float(np.clip(v.mean(), 0.01, 0.99))
        deviation = max(deviation, math.sqrt(mean * (1 - mean) / noise.judged))
    else:  # the losses of images vary about as much as their mean
        deviation = max(deviation, float(v.mean()) / math.sqrt(noise.judged))
    deviation = max(deviation, 1e-9)
    # Akaike weights; with so few points, the small-sample correction would rule out any offset
    badness = {name: float(fits[name].squares[0]) / deviation**2 + 2 * _FUNCTIONS[name][2] for name in _FUNCTIONS}
    least = min(badness.values())
    raw = {name: math.exp(-(value - least) / 2) for name, value in badness.items()}
    weights = {name: value / sum(raw.values()) for name, value in raw.items()}

    at = np.asarray(asked, np.float64)
    rng = np.random.default_rng(0)
    drawn = []
    for name, weight in weights.items():
        count = round(RESAMPLES * weight)
        if count:
            fitted = _values(fits[name], _FUNCTIONS[name], n, largest)[0]
            again = _fit(fitted + rng.normal(0, deviation, (count, len(n))), _FUNCTIONS[name], n, largest)
            drawn.append(_values(again, _FUNCTIONS[name], at, largest))
    errors_at = np.concatenate(drawn)
    values_at = 1 - np.clip(errors_at, 0, 1) if noise.is_share else np.maximum(errors_at, 0)
    low, middle, high = np.percentile(values_at, [2.5, 50, 97.5], axis=0)
    forecasts = tuple(
        Forecast(int(size), float(middle[place]), float(low[place]), float(high[place]))
        for place, size in enumerate(asked)
    )
    return forecasts, weights


def _fit(errors: Array, function: tuple[bool, _Family, int], n: Array, largest: float) -> _Fit:
    """Fits offset and height, both >= 0, by least squares for every member of a family; keeps the best for each data
    set.

    Args:
        errors: [r, n], r data sets.
        function: a value of `_FUNCTIONS`.
        n: sizes, [n].
        largest: the largest size.
    """
    has_offset, family, _ = function
    shapes = family(n, largest)  # [k, n]
    mean, centre = shapes.mean(axis=1), errors.mean(axis=1)
    free = np.zeros((len(errors), len(shapes)))
    only = np.maximum(0, errors @ shapes.T / (shapes**2).sum(axis=1))  # without an offset
    height, offset = only, free
    if has_offset:
        spread = ((shapes - mean[:, None]) ** 2).sum(axis=1)
        both = (errors - centre[:, None]) @ (shapes - mean[:, None]).T / np.maximum(spread, 1e-300)
        both = np.maximum(0, both)
        left = centre[:, None] - both * mean
        height, offset = np.where(left >= 0, both, only), np.where(left >= 0, left, 0.0)
    # [r, k, n] would be large, so the squares are expanded instead
    squares = (
        (errors**2).sum(axis=1)[:, None]
        + height**2 * (shapes**2).sum(axis=1)
        + len(n) * offset**2
        - 2 * height * (errors @ shapes.T)
        - 2 * offset * errors.sum(axis=1)[:, None]
        + 2 * height * offset * shapes.sum(axis=1)
    )
    best = squares.argmin(axis=1)
    rows = np.arange(len(errors))
    return _Fit(offset[rows, best], height[rows, best], best, np.maximum(0.0, squares[rows, best]))


def _values(fit: _Fit, function: tuple[bool, _Family, int], at: Array, largest: float) -> Array:
    """Returns the errors of each data set's fit at some sizes, [r, len(at)]."""
    shapes = function[1](at, largest)
    return np.asarray(fit.offset[:, None] + fit.height[:, None] * shapes[fit.member])
