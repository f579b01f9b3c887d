"""Pictures of results: scores, efficiencies, the history of a training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from e2e_tf.data.pt_bins import checked_edges, pt_edges
from e2e_tf.errors import InputError
from e2e_tf.figure import COLOURS, LINES, MARKERS, PlotStyle, below_legend, legend_below, looks, picture
from e2e_tf.training.metrics import roc_auc

__all__ = ["plot_efficiency", "plot_history", "plot_scores"]

_SIGNAL, _BACKGROUND = COLOURS[0], COLOURS[2]


def plot_scores(
    label: np.ndarray,
    score: np.ndarray,
    path: str | os.PathLike[str],
    *,
    weight: np.ndarray | None = None,
    bins: int = 40,
    names: tuple[str, str] = ("Background", "Signal"),
    xlabel: str = "Score",
    style: PlotStyle | None = None,
    force: bool = False,
) -> None:
    """Distributions of the score for both classes, each with unit area, with statistical errors.

    Args:
        label: int (n,), 1 for signal and 0 for background.
        score: float (n,).
        path: the picture to write; its ending gives the format, others follow from ``style``.
        weight: float (n,), event weights; None means 1.
        bins: number of bins between 0 and 1, or over the scores' range if that is wider.
        names: of class 0 and class 1.
        xlabel: the axis' text.
        style: labels above the frame and formats; None takes the defaults.
        force: replace ``path``.

    Raises:
        InputError: a class is missing, values cannot be used, or ``path`` exists.
    """
    roc_auc(label, score, weight)  # the same inputs make sense to both, and it says what is wrong
    label, score = np.asarray(label), np.asarray(score, np.float64)
    weight = np.ones(len(label)) if weight is None else np.asarray(weight, np.float64)
    edges = np.linspace(min(0.0, score.min()), max(1.0, score.max()), bins + 1)
    with picture(path, style, force=force) as axes:
        smallest, largest = np.inf, 0.0
        for value, name, colour, line in ((0, names[0], _BACKGROUND, "--"), (1, names[1], _SIGNAL, "-")):
            rows = label == value
            height = np.histogram(score[rows], edges, weights=weight[rows])[0]
            error = np.sqrt(np.histogram(score[rows], edges, weights=weight[rows] ** 2)[0])
            area = height.sum() * (edges[1] - edges[0])
            smallest = min(smallest, float((height[height > 0] / area).min()))
            largest = max(largest, float((height / area).max()))
            axes.stairs(height / area, edges, fill=True, color=colour, alpha=0.25)
            axes.stairs(height / area, edges, color=colour, linewidth=3, linestyle=line, label=name)
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
    xlabel: str = r"Jet $p_\mathrm{T}$ [GeV]",
    style: PlotStyle | None = None,
    force: bool = False,
) -> None:
    """Share of signal (above) and of background (below) that passes, against pT.

    Counts are not weighted, so that the Clopper-Pearson intervals (68.3 %) are exact. Where no background
    passes, an open triangle marks the upper end of the interval.

    Args:
        pt: float (n,), jet pT [GeV].
        label: int (n,), 1 for signal and 0 for background.
        passed: bool (n,), or several by the name of tagger and working point, told apart in a legend.
        path: the picture to write; its ending gives the format, others follow from ``style``.
        bins: edges [GeV]; bins without jets of a class show no point. Empty takes bins that follow the jets.
        xlabel: the axis' text.
        style: labels above the frame and formats; None takes the defaults.
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
    with picture(path, style, force=force, rows=2) as (upper, lower):
        for value, axes in ((1, upper), (0, lower)):
            rows = label == value
            total = np.histogram(pt[rows], edges)[0]
            seen = total > 0
            ends: list[float] = []
            for i, (look, (name, decision)) in enumerate(zip(looks(), decisions.items(), strict=False)):
                colour, marker = look["color"], MARKERS[i % len(MARKERS)]
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
                    fmt=marker,
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
        upper.set(ylim=(0, 1.05 / below_legend(rows_of_legend, 0.11)), yticks=(0, 0.2, 0.4, 0.6, 0.8, 1.0))
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
    kept: int | None = None,
    style: PlotStyle | None = None,
    force: bool = False,
) -> None:
    """Loss and, where recorded, AUC against the epoch; a dotted line marks the epoch that was kept.

    Args:
        history: as Keras keeps it: ``loss`` and optionally ``val_loss``, ``auc``, ``val_auc``, one number
            per epoch; other entries are not drawn.
        path: the picture to write; its ending gives the format, others follow from ``style``.
        kept: the epoch whose parameters the model has, counted from 0; None marks none.
        style: labels above the frame and formats; None takes the defaults.
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
    with picture(path, style, force=force, rows=len(quantities)) as frames:
        frames = np.atleast_1d(frames)
        for axes, name in zip(frames, quantities, strict=True):
            for i, (prefix, title) in enumerate((("", "Training"), ("val_", "Validation"))):
                if prefix + name in drawn:
                    looks = {"color": COLOURS[i], "linestyle": LINES[i], "linewidth": 3, "label": title}
                    marker = MARKERS[i] if len(epochs) <= 40 else ""
                    axes.plot(epochs, drawn[prefix + name], marker=marker, markersize=7, **looks)
            if kept is not None:
                title = f"Kept epoch ({kept + 1})"
                axes.axvline(kept + 1, color="0.4", linestyle=":", linewidth=2, label=title)
            axes.set_ylabel("Loss" if name == "loss" else "AUC")
            axes.margins(y=0.1)
        frames[-1].set_xlabel("Epoch")
        frames[-1].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        frames[-1].minorticks_off()
        frames[-1].set_xlim(0.5, len(epochs) + 0.5)
        legend_below(frames[0], ncols=3, fontsize=20)  # curves fall and rise anywhere


_HISTORY = ("loss", "val_loss", "auc", "val_auc")
