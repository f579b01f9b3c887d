"""Pictures of results, one PNG each: ROC curves, scores, efficiencies, the history of a training."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from e2e_tf.data.pt_bins import checked_edges, pt_edges
from e2e_tf.errors import InputError
from e2e_tf.training.figure import ENERGY, TEXT, cms_figure
from e2e_tf.training.metrics import background_efficiency, bootstrap, roc_auc

__all__ = ["plot_efficiency", "plot_history", "plot_roc", "plot_scores"]

_COLOURS = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1", "#7a21dd")  # the CMS palette
_STYLES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (2, 1)))  # told apart without colours
_SIGNAL, _BACKGROUND = _COLOURS[0], _COLOURS[2]


def plot_roc(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray | None]],
    path: str | os.PathLike[str],
    *,
    events: Mapping[str, np.ndarray] | None = None,
    bootstraps: int = 100,
    seed: int = 0,
    text: str = TEXT,
    energy: str = ENERGY,
    force: bool = False,
) -> None:
    """Background rejection 1/ε_B against signal efficiency, with the AUC in the legend.

    Bands are one bootstrap standard error of ε_B. A curve ends where fewer than one background jet in the
    sample would pass.

    Args:
        curves: name to (label (n,), score (n,), weight (n,) or None).
        path: the PNG to write.
        events: name to int (n,), the event of each jet, resampled together; jets are independent otherwise.
        bootstraps: replicas behind bands and errors; 0 draws none.
        seed: seeds the replicas.
        text: printed above the frame, left.
        energy: printed above the frame, right.
        force: replace ``path``.

    Raises:
        InputError: there is no curve, its values cannot be used, or ``path`` exists.
    """
    if not curves:
        raise InputError("a ROC plot needs at least one curve, received none")
    grid = np.linspace(0.005, 1, 200)
    with cms_figure(path, text, energy, force) as axes:
        top = 10.0
        for i, (colour, (name, (label, score, weight))) in enumerate(
            zip(_cycle(), curves.items(), strict=False)
        ):
            # One metric for both, so that both need only one set of replicas.
            def values(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
                passing = background_efficiency(label, score, grid, weight)
                return np.concatenate([[roc_auc(label, score, weight)], passing])

            ones = np.ones(len(label)) if weight is None else np.asarray(weight, np.float64)
            value = values(label, score, ones)
            auc, passing = value[0], value[1:]
            entry = f"{name} (AUC {auc:.3f})"
            background = ones[np.asarray(label) == 0]
            drawn = passing * background.sum() ** 2 >= np.square(background).sum() * (1 - 1e-9)
            if not drawn.any():  # perfect on a small sample: no point of the curve is measured
                axes.plot([], [], color=colour, linewidth=3, label=f"{entry}, no background passes")
                continue
            if bootstraps:
                groups = None if events is None else events.get(name)
                errors = bootstrap(values, label, score, weight, bootstraps, seed, groups)
                error, spread = errors[0], errors[1:]
                entry = f"{name} (AUC {auc:.3f} ± {error:.3f})"
                low = 1 / np.minimum(passing + spread, 1)[drawn]
                # Below one standard error nothing is known of the rejection: the band leaves the frame.
                high = 1 / np.maximum(passing - spread, 1e-9)[drawn]
                axes.fill_between(grid[drawn], low, high, color=colour, alpha=0.25, linewidth=0)
            style: Any = _STYLES[i % len(_STYLES)]
            axes.plot(
                grid[drawn], 1 / passing[drawn], color=colour, linestyle=style, linewidth=3, label=entry
            )
            top = max(top, float(1 / passing[drawn].min()))
        axes.plot(grid, 1 / grid, color="0.5", linestyle=":", linewidth=2, label="Random choice")
        # The legend stands above the curves; bands may reach behind it.
        # Long names of taggers in small letters, or they cover the axis.
        size = None if max(map(len, curves)) < 30 else "x-small"
        axes.set(xlim=(0, 1), ylim=(1, top ** (1 / _below_legend(len(curves) + 1, 0.055))), yscale="log")
        axes.set_xlabel(r"Signal efficiency $\varepsilon_\mathrm{S}$")
        axes.set_ylabel(r"Background rejection $1/\varepsilon_\mathrm{B}$")
        axes.legend(loc="upper right", frameon=True, framealpha=0.85, edgecolor="none", fontsize=size)


def plot_scores(
    label: np.ndarray,
    score: np.ndarray,
    path: str | os.PathLike[str],
    *,
    weight: np.ndarray | None = None,
    bins: int = 40,
    names: tuple[str, str] = ("Background", "Signal"),
    xlabel: str = "Score",
    text: str = TEXT,
    energy: str = ENERGY,
    force: bool = False,
) -> None:
    """Distributions of the score for both classes, each with unit area, with statistical errors.

    Args:
        label: int (n,), 1 for signal and 0 for background.
        score: float (n,).
        path: the PNG to write.
        weight: float (n,), event weights; None means 1.
        bins: number of bins between 0 and 1, or over the scores' range if that is wider.
        names: of class 0 and class 1.
        xlabel: the axis' text.
        text: printed above the frame, left.
        energy: printed above the frame, right.
        force: replace ``path``.

    Raises:
        InputError: a class is missing, values cannot be used, or ``path`` exists.
    """
    roc_auc(label, score, weight)  # the same inputs make sense to both, and it says what is wrong
    label, score = np.asarray(label), np.asarray(score, np.float64)
    weight = np.ones(len(label)) if weight is None else np.asarray(weight, np.float64)
    edges = np.linspace(min(0.0, score.min()), max(1.0, score.max()), bins + 1)
    with cms_figure(path, text, energy, force) as axes:
        smallest, largest = np.inf, 0.0
        for value, name, colour in ((0, names[0], _BACKGROUND), (1, names[1], _SIGNAL)):
            rows = label == value
            height = np.histogram(score[rows], edges, weights=weight[rows])[0]
            error = np.sqrt(np.histogram(score[rows], edges, weights=weight[rows] ** 2)[0])
            area = height.sum() * (edges[1] - edges[0])
            smallest = min(smallest, float((height[height > 0] / area).min()))
            largest = max(largest, float((height / area).max()))
            axes.stairs(height / area, edges, fill=True, color=colour, alpha=0.25)
            axes.stairs(height / area, edges, color=colour, linewidth=3, label=name)
            centre = (edges[1:] + edges[:-1]) / 2
            axes.errorbar(
                centre, height / area, error / area, fmt="", linestyle="", color=colour, linewidth=2
            )
        axes.set(xlim=(edges[0], edges[-1]), yscale="log", ylim=(smallest / 3, largest * 12))
        axes.set_xlabel(xlabel)
        axes.set_ylabel("Normalised to unit area")
        axes.legend(loc="upper center", ncols=2)


def plot_efficiency(
    pt: np.ndarray,
    label: np.ndarray,
    passed: np.ndarray | Mapping[str, np.ndarray],
    path: str | os.PathLike[str],
    *,
    bins: Sequence[float] = (),
    xlabel: str = r"Jet $p_\mathrm{T}$ (GeV)",
    text: str = TEXT,
    energy: str = ENERGY,
    force: bool = False,
) -> None:
    """Share of signal (above) and of background (below) that passes, against pT.

    Counts are not weighted, so that the Clopper-Pearson intervals (68.3 %) are exact. Where no background
    passes, an open triangle marks the upper end of the interval.

    Args:
        pt: float (n,), jet pT [GeV].
        label: int (n,), 1 for signal and 0 for background.
        passed: bool (n,), or several by the name of tagger and working point, told apart in a legend.
        path: the PNG to write.
        bins: edges [GeV]; bins without jets of a class show no point. Empty takes bins that follow the jets.
        xlabel: the axis' text.
        text: printed above the frame, left.
        energy: printed above the frame, right.
        force: replace ``path``.

    Raises:
        InputError: lengths differ, nothing to draw, or ``path`` exists.
    """
    pt, label = np.asarray(pt, np.float64), np.asarray(label)
    named = passed if isinstance(passed, Mapping) else {"": passed}
    decisions = {name: np.asarray(values, bool) for name, values in named.items()}
    lengths = {"label": len(label), **{name: len(values) for name, values in decisions.items()}}
    if not decisions or any(length != len(pt) for length in lengths.values()):
        raise InputError(
            f"each of at least one decision needs one entry per jet ({len(pt)}), received {lengths}"
        )
    edges = checked_edges(bins) if len(bins) else pt_edges(pt, label)
    from hist.intervals import clopper_pearson_interval

    centre, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    with cms_figure(path, text, energy, force, rows=2) as (upper, lower):
        for value, axes in ((1, upper), (0, lower)):
            rows = label == value
            total = np.histogram(pt[rows], edges)[0]
            seen = total > 0
            ends: list[float] = []
            for i, (colour, (name, decision)) in enumerate(zip(_cycle(), decisions.items(), strict=False)):
                count = np.histogram(pt[rows & decision], edges)[0][seen]
                share = count / total[seen]
                low, high = clopper_pearson_interval(count, total[seen])
                # Points of several taggers stand side by side.
                shift = (i - (len(decisions) - 1) / 2) * 0.25 * half[seen]
                # Nothing passes: only the interval's upper end can be drawn on a logarithmic axis.
                none = (count == 0) & (value == 0)
                axes.plot(
                    (centre[seen] + shift)[none],
                    high[none],
                    marker="v",
                    linestyle="",
                    markersize=9,
                    markeredgewidth=2,
                    color=colour,
                    markerfacecolor="white",
                    zorder=3,
                )
                axes.errorbar(
                    centre[seen] + shift,
                    share,
                    yerr=[share - low, high - share],
                    xerr=half[seen] if len(decisions) == 1 else None,
                    fmt="osD^pP"[i % 6],
                    color=colour,
                    markersize=9,
                    linewidth=2,
                    label=name or None,
                )
                ends += [*low[low > 0], *high]
            if value == 0 and ends:
                axes.set(yscale="log", ylim=(min(ends) / 2, min(max(ends) * 2, 1.5)))
        columns = 2 if len(decisions) > 1 and max(len(name) for name in decisions) <= 20 else 1
        rows_of_legend = -(-len(decisions) // columns) if isinstance(passed, Mapping) else 0
        upper.set(ylim=(0, 1.05 / _below_legend(rows_of_legend, 0.11)), yticks=(0, 0.2, 0.4, 0.6, 0.8, 1.0))
        upper.axhline(1, color="0.6", linewidth=1, linestyle=":")
        upper.set_ylabel("Signal efficiency")
        lower.set_ylabel("Background efficiency")
        lower.set(xlim=(edges[0], edges[-1]), xlabel=xlabel)
        if isinstance(passed, Mapping):
            upper.legend(loc="upper right", ncols=columns)


def plot_history(
    history: Mapping[str, Sequence[float]],
    path: str | os.PathLike[str],
    *,
    text: str = TEXT,
    energy: str = ENERGY,
    force: bool = False,
) -> None:
    """Loss and, where recorded, AUC against the epoch; a dotted line marks the smallest validation loss.

    Args:
        history: as Keras keeps it: ``loss`` and optionally ``val_loss``, ``auc``, ``val_auc``, one number
            per epoch; other entries are not drawn.
        path: the PNG to write.
        text: printed above the frame, left.
        energy: printed above the frame, right.
        force: replace ``path``.

    Raises:
        InputError: there is no ``loss``, curves differ in length, or ``path`` exists.
    """
    drawn = {key: np.asarray(history[key], np.float64) for key in _HISTORY if key in history}
    lengths = {key: len(values) for key, values in drawn.items()}
    if "loss" not in drawn or len(set(lengths.values())) != 1 or lengths["loss"] == 0:
        raise InputError(f"a history needs 'loss' and equally long curves, received lengths {lengths}")
    quantities = [name for name in ("loss", "auc") if name in drawn or f"val_{name}" in drawn]
    epochs = np.arange(1, lengths["loss"] + 1)
    with cms_figure(path, text, energy, force, rows=len(quantities)) as frames:
        frames = np.atleast_1d(frames)
        for axes, name in zip(frames, quantities, strict=True):
            for prefix, title, colour in (("", "Training", _COLOURS[0]), ("val_", "Validation", _COLOURS[1])):
                if prefix + name in drawn:
                    style: dict[str, Any] = {"color": colour, "linewidth": 3, "label": title}
                    marker = "o" if len(epochs) <= 40 else ""
                    axes.plot(epochs, drawn[prefix + name], marker=marker, markersize=7, **style)
            if "val_loss" in drawn and np.isfinite(drawn["val_loss"]).any():
                best = int(np.nanargmin(drawn["val_loss"]))
                title = f"Best epoch ({epochs[best]})"
                axes.axvline(epochs[best], color="0.4", linestyle=":", linewidth=2, label=title)
            axes.set_ylabel("Loss" if name == "loss" else "AUC")
            axes.margins(y=0.1)
        frames[-1].set_xlabel("Epoch")
        frames[-1].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        frames[-1].minorticks_off()
        frames[-1].set_xlim(0.5, len(epochs) + 0.5)
        frames[0].legend(loc="best")


_HISTORY = ("loss", "val_loss", "auc", "val_auc")


def _below_legend(rows: int, height: float) -> float:
    """The share of a frame that is left below a legend whose rows take ``height`` of it each."""
    return max(1 - rows * height - 0.04, 0.3)


def _cycle() -> Iterator[str]:
    while True:
        yield from _COLOURS
