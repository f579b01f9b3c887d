"""Plots of how good a run is: its training, its curves, its calibration, its confusions, its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from e2e_tf.page import Plot
from e2e_tf.training.metrics import bootstrap
from e2e_tf.training.roc import Roc, checked
from e2e_tf.training.run_report.style import COLOURS, band, line_style, working_points

__all__ = ["calibration", "confusion", "histories", "importances", "rejection"]

_LEVELS = 60  # signal efficiencies that a curve is drawn at


def histories(history: Mapping[str, Sequence[float]], best_epoch: int | None) -> list[Plot]:
    """Every quantity of a training against the epoch, that of the validation part beside it.

    Args:
        history: what ``history.json`` holds.
        best_epoch: whose parameters the model has, counted from 0, if that is known.

    Returns:
        One plot for each quantity.
    """
    drawn = []
    for name in [name for name in history if not name.startswith("val_") and name != "learning_rate"]:
        data = []
        for number, (key, title) in enumerate(((name, "training"), (f"val_{name}", "validation"))):
            if key in history:
                epochs = list(range(1, len(history[key]) + 1))
                data.append(
                    {
                        "type": "scatter",
                        "mode": "lines+markers",
                        "name": title,
                        "x": epochs,
                        "y": list(history[key]),
                        "line": line_style(number),
                        "marker": {"size": 5},
                        "hovertemplate": f"epoch %{{x}}: {title} {name} %{{y:.5g}}<extra></extra>",
                    }
                )
        layout: dict[str, Any] = {"xaxis": {"title": {"text": "Epoch"}}, "yaxis": {"title": {"text": name}}}
        if best_epoch is not None:
            line = {"color": "#6b7a88", "width": 1, "dash": "dot"}
            layout["shapes"] = [
                {
                    "type": "line",
                    "x0": best_epoch + 1,
                    "x1": best_epoch + 1,
                    "yref": "paper",
                    "y0": 0,
                    "y1": 1,
                }
                | {"line": line}
            ]
        drawn.append(Plot(data, layout, height=320))
    return drawn


def rejection(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray | None]],
    events: np.ndarray | None = None,
    bootstraps: int = 50,
    seed: int = 0,
) -> list[Plot]:
    """Background rejection and ROC curve with bands of one standard error of the bootstrap.

    Args:
        curves: name to (label (n,), score (n,), weight (n,) or None), all of the same jets.
        events: int (n,), the event of each jet, resampled together.
        bootstraps: replicas behind the bands.
        seed: of the replicas.

    Returns:
        Two plots; points at which no background passes are left out.
    """
    levels = np.linspace(0.02, 1, _LEVELS)
    rejections: list[dict[str, Any]] = []
    rocs: list[dict[str, Any]] = []
    for number, (name, (label, score, weight)) in enumerate(curves.items()):
        parts = checked(label, score, weight)
        roc = Roc(*parts)
        passing = roc.background_at(levels)
        spread = bootstrap(
            lambda label, score, weight: Roc(label, score, weight).background_at(levels),
            *parts,
            bootstraps,
            seed,
            events,
        )
        seen = passing > 1e-12
        x, middle = levels[seen], passing[seen]
        low, high = np.maximum(middle - spread[seen], middle / 5), np.minimum(middle + spread[seen], 1)
        line = {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "line": line_style(number),
            "legendgroup": name,
        }
        hover = f"{name}<br>signal %{{x:.1%}}: "
        rejections += [
            band(x, 1 / high, 1 / low, number, name),
            line | {"x": x, "y": 1 / middle, "hovertemplate": hover + "1/ε_B %{y:.4g}<extra></extra>"},
        ]
        rocs += [
            band(x, low, high, number, name),
            line | {"x": x, "y": middle, "hovertemplate": hover + "background %{y:.3g}<extra></extra>"},
        ]
    signal = {"title": {"text": "Signal efficiency ε<sub>S</sub>"}, "range": [0, 1]}
    marked = working_points()
    return [
        Plot(
            rejections,
            {
                "xaxis": signal,
                "yaxis": {"title": {"text": "Background rejection 1/ε<sub>B</sub>"}, "type": "log"},
                **marked,
            },
            "Bands are one standard error of the bootstrap; a curve ends where no background passes.",
            430,
        ),
        Plot(
            rocs,
            {
                "xaxis": signal,
                "yaxis": {"title": {"text": "Background efficiency ε<sub>B</sub>"}, "type": "log"},
                **marked,
            },
            height=430,
        ),
    ]


def calibration(
    label: np.ndarray, score: np.ndarray, weight: np.ndarray, bins: int = 10
) -> tuple[Plot, float]:
    """The share of signal against the score, which a calibrated score is equal to.

    Args:
        label: int (n,), 1 for signal and 0 for background.
        score: float (n,), from 0 to 1.
        weight: float (n,), those of training: a score is calibrated for the shares of signal that they make.
        bins: of equal width.

    Returns:
        The plot, and the mean distance of share and score, weighted (expected calibration error).
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(score, edges) - 1, 0, bins - 1)
    sums = np.bincount(place, weight, bins)
    squares = np.bincount(place, weight**2, bins)
    signal = np.bincount(place, weight * label, bins)
    mean = np.bincount(place, weight * score, bins)
    seen = sums > 0
    share, centre = signal[seen] / sums[seen], mean[seen] / sums[seen]
    n = np.maximum(sums[seen] ** 2 / squares[seen], 1)
    # Of Wilson (J. Am. Stat. Assoc. 22 (1927) 209): it does not vanish where all jets are of one class.
    middle = (share + 0.5 / n) / (1 + 1 / n)
    half = np.sqrt(np.clip(share * (1 - share), 0, None) / n + 0.25 / n**2) / (1 + 1 / n)
    error = float(np.sum(np.abs(share - centre) * sums[seen]) / sums[seen].sum())
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "calibrated",
            "x": [0, 1],
            "y": [0, 1],
            "hoverinfo": "skip",
        }
        | {"line": {"color": "#9aa7b3", "dash": "dot", "width": 1.5}},
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "this run",
            "x": centre,
            "y": share,
            "line": line_style(0),
            "error_y": {
                "type": "data",
                "symmetric": False,
                "array": np.maximum(middle + half - share, 0),
                "arrayminus": np.maximum(share - middle + half, 0),
            },
            "hovertemplate": "score %{x:.3f}: %{y:.3f} signal<extra></extra>",
        },
    ]
    layout = {
        "xaxis": {"title": {"text": "Mean score"}, "range": [-0.02, 1.02]},
        "yaxis": {"title": {"text": "Share of signal"}, "range": [-0.02, 1.02]},
    }
    return Plot(data, layout, f"Expected calibration error {error:.4f}, with the weights of training."), error


def confusion(name: str, shares: Sequence[Sequence[float]], classes: Sequence[Any]) -> Plot:
    """The share of each true class (rows) that is taken for each class (columns).

    Args:
        name: of the output.
        shares: true classes in rows that add up to 1.
        classes: their names.

    Returns:
        The plot.
    """
    names = [str(one) for one in classes]
    data = [
        {
            "type": "heatmap",
            "z": [list(row) for row in shares],
            "x": names,
            "y": names,
            "colorscale": [[0, "#ffffff"], [1, COLOURS[0]]],  # Plotly's own blues are dark where little is
            "textfont": {"color": "#1c2733"},
            "zmin": 0,
            "zmax": 1,
            "texttemplate": "%{z:.1%}",
            "hovertemplate": "true %{y}, taken for %{x}: %{z:.2%}<extra></extra>",
            "showscale": False,
        }
    ]
    kind = {"type": "category"}
    layout = {
        "xaxis": {"title": {"text": f"{name}: taken for"}, **kind},
        "yaxis": {"title": {"text": "true class"}, "autorange": "reversed", **kind},
    }
    return Plot(data, layout, height=380)


def importances(drops: Mapping[str, tuple[float, float]], metric: str) -> Plot:
    """What each input contributes, the largest above.

    Args:
        drops: loss of the metric and its error, by input.
        metric: its name.

    Returns:
        The plot.
    """
    names = sorted(drops, key=lambda name: drops[name][0])
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "x": [drops[name][0] for name in names],
            "y": names,
            "error_x": {"type": "data", "array": [drops[name][1] for name in names], "color": "#1c2733"},
            "marker": {"color": COLOURS[0]},
            "hovertemplate": "%{y}: %{x:.4f} ± %{error_x.array:.4f}<extra></extra>",
        }
    ]
    layout = {
        "xaxis": {"title": {"text": f"Loss of {metric} when shuffled among the jets"}},
        "yaxis": {"type": "category", "automargin": True},
        "margin": {"l": 160, "r": 40, "t": 34, "b": 52},
    }
    # High enough for the column of buttons beside the frame.
    return Plot(data, layout, height=max(280, 114 + 22 * len(names)))
