"""ROC curves with bands, working points and ratios to a reference."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.figure import PlotStyle, legend_below, looks, picture
from e2e_tf.training.metrics import background_efficiency, bootstrap, roc_auc

__all__ = ["WORKING_POINTS", "log_ratios", "mark_points", "plot_roc"]

WORKING_POINTS: Mapping[str, float] = {"Tight": 0.5, "Medium": 0.7, "Loose": 0.9}
"""Names of the signal efficiencies that runs are evaluated at."""

_GRID = np.linspace(0.005, 1, 200)


def plot_roc(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray | None]],
    path: str | os.PathLike[str],
    *,
    events: Mapping[str, np.ndarray] | None = None,
    points: Mapping[str, float] = WORKING_POINTS,
    reference: str = "",
    bootstraps: int = 100,
    seed: int = 0,
    style: PlotStyle | None = None,
    force: bool = False,
) -> None:
    """Background rejection 1/ε_B against signal efficiency, and, of several curves, its ratio to one of them.

    Bands of curves are one bootstrap standard error of ε_B. Bands of ratios hold 68.3 % of the replicas; those are the
    same for curves of the same jets, whose fluctuations cancel. A curve ends where fewer than one background jet in the
    sample would pass.

    Args:
        curves: name to (label (n,), score (n,), weight (n,) or None).
        path: the picture to write; its ending gives the format, others follow from ``style``.
        events: name to int (n,), the event of each jet, resampled together; jets are independent otherwise.
        points: working points, name to signal efficiency, marked by lines.
        reference: the curve below all others in the panel of ratios; empty takes the first.
        bootstraps: replicas behind bands and errors; 0 draws none.
        seed: seeds the replicas.
        style: labels above the frame and formats; None takes the defaults.
        force: replace ``path``.

    Raises:
        InputError: there is no curve or none of the name ``reference``, values cannot be used, or ``path`` exists.
    """
    if not curves:
        raise InputError("a ROC plot needs at least one curve, received none")
    reference = reference or next(iter(curves))
    if reference not in curves:
        raise InputError(f"reference must be one of {', '.join(curves)}, not {reference!r}")
    found = {
        name: _curve(*curve, None if events is None else events.get(name), bootstraps, seed)
        for name, curve in curves.items()
    }
    rows = 2 if len(curves) > 1 else 1
    # The legend stands below the frames: wherever it stood inside, a band could reach behind it.
    size = (10, 10 + 0.42 * len(curves))
    with picture(path, style, force=force, rows=rows, heights=(3, 1)[:rows], size=size) as frames:
        axes = np.atleast_1d(frames)[0]
        top = 10.0
        for look, (name, curve) in zip(looks(), found.items(), strict=False):
            entry = f"{name} (AUC {curve.auc})"
            if not curve.drawn.any():  # perfect on a small sample: no point of the curve is measured
                axes.plot([], [], **look, label=f"{entry}, no background passes")
                continue
            x, passing = _GRID[curve.drawn], curve.passing[curve.drawn]
            if bootstraps:
                spread = curve.replicas.std(axis=0, ddof=1)[curve.drawn]
                low = 1 / np.minimum(passing + spread, 1)
                # Below one standard error nothing is known of the rejection: the band leaves the frame.
                high = 1 / np.maximum(passing - spread, 1e-9)
                axes.fill_between(x, low, high, color=look["color"], alpha=0.25, linewidth=0)
            axes.plot(x, 1 / passing, **look, label=entry)
            top = max(top, float(1 / passing.min()))
        axes.plot(_GRID, 1 / _GRID, color="0.5", linestyle=":", linewidth=2, label="Random choice")
        axes.set(xlim=(0, 1), ylim=(1, 2 * top), yscale="log")
        axes.set_ylabel(r"Background rejection $1/\varepsilon_\mathrm{B}$")
        # Long names in smaller letters: all of the picture's width is 1200 of them in points of their size.
        longest = max(len(text) for text in axes.get_legend_handles_labels()[1])
        legend_below(axes, fontsize=min(20, 1200 / longest))
        mark_points(np.atleast_1d(frames), points)
        if rows == 2:
            _draw_ratios(frames[1], found, reference)
        np.atleast_1d(frames)[-1].set_xlabel(r"Signal efficiency $\varepsilon_\mathrm{S}$")


@dataclass(frozen=True)
class _Curve:
    """ε_B on the grid, where it is drawn, its replicas (replicas, grid), and the AUC as text."""

    passing: np.ndarray
    drawn: np.ndarray
    replicas: np.ndarray
    auc: str


def _curve(
    label: np.ndarray,
    score: np.ndarray,
    weight: np.ndarray | None,
    groups: np.ndarray | None,
    bootstraps: int,
    seed: int,
) -> _Curve:
    replicas: list[np.ndarray] = []

    # One metric for area and curve, so that both need only one set of replicas.
    def values(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
        passing = background_efficiency(label, score, _GRID, weight)
        replicas.append(np.concatenate([[roc_auc(label, score, weight)], passing]))
        return replicas[-1]

    ones = np.ones(len(label)) if weight is None else np.asarray(weight, np.float64)
    value = values(label, score, ones)
    auc, passing = f"{value[0]:.3f}", value[1:]
    background = ones[np.asarray(label) == 0]
    drawn = passing * background.sum() ** 2 >= np.square(background).sum() * (1 - 1e-9)
    replicas.clear()
    if bootstraps and drawn.any():
        error = bootstrap(values, label, score, weight, bootstraps, seed, groups)[0]
        auc += f" ± {error:.3f}"
    return _Curve(passing, drawn, np.array([replica[1:] for replica in replicas]), auc)


def _draw_ratios(axes: Any, found: Mapping[str, _Curve], reference: str) -> None:
    """Rejections over that of the reference."""
    base = found[reference]
    ends = [0.9, 1.1]
    for look, (name, curve) in zip(looks(), found.items(), strict=False):
        both = curve.drawn & base.drawn
        if not both.any():
            continue
        x, ratio = _GRID[both], base.passing[both] / curve.passing[both]
        axes.plot(x, ratio, **look)
        ends += [*np.quantile(ratio[x >= 0.1], (0.02, 0.98))] if (x >= 0.1).any() else []
        if name != reference and len(curve.replicas) and len(curve.replicas) == len(base.replicas):
            replicas = base.replicas[:, both] / np.maximum(curve.replicas[:, both], 1e-9)
            low, high = np.quantile(replicas, (0.1587, 0.8413), axis=0)
            axes.fill_between(x, low, high, color=look["color"], alpha=0.25, linewidth=0)
    low, high = max(min(ends), 1e-3), max(ends)
    if high / low > 10:
        log_ratios(axes)
        axes.set(ylim=(low / 1.5, high * 1.5))
    else:
        axes.set(ylim=(max(low - 0.15 * (high - low), 0), high + 0.15 * (high - low)))
    axes.set_ylabel("Ratio to\n" + _wrapped(reference), fontsize="x-small", loc="center")


def log_ratios(axes: Any) -> None:
    """A logarithmic ordinate for ratios near 1, with 0.5, 1 and 2 instead of powers of ten.

    Args:
        axes: of the panel.
    """
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set(yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def mark_points(frames: np.ndarray, points: Mapping[str, float]) -> None:
    """Lines at working points, named at the lower end of the upper frame.

    Args:
        frames: axes with the signal efficiency as x, the upper one first.
        points: name to signal efficiency.
    """
    for name, efficiency in points.items():
        for axes in frames:
            axes.axvline(efficiency, color="0.6", linewidth=1.2, linestyle=(0, (1, 2)), zorder=0)
        frames[0].text(
            efficiency - 0.006,
            0.02,
            name,
            transform=frames[0].get_xaxis_transform(),
            rotation=90,
            ha="right",
            va="bottom",
            fontsize="x-small",
            color="0.35",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )


def _wrapped(name: str) -> str:
    return textwrap.fill(name, 18)
