"""Plots against a quantity of the jets: its distributions, efficiencies, the response of a regression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from e2e_tf.page import Plot
from e2e_tf.training.run_report.style import COLOURS, band, line_style, written

__all__ = ["binomial_interval", "bins_of", "distribution", "efficiency", "response"]

_TAIL = 0.15865525393145707  # of a normal distribution beyond one standard deviation


def distribution(
    name: str,
    parts: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    unit: str = "",
    bins: int = 40,
    log: bool = False,
    height: int = 260,
) -> Plot:
    """Distributions of one quantity, each of unit area, with the weights of the jets.

    Args:
        name: of the quantity.
        parts: values (n,) and weights (n,) by the name of a class.
        unit: of the values.
        bins: between the quantiles 0.2 % and 99.8 %; whole numbers of a small range have one each.
        log: logarithmic ordinate.
        height: in pixels.

    Returns:
        The plot.
    """
    every = np.concatenate([np.asarray(values, np.float64) for values, _ in parts.values()] or [np.zeros(0)])
    every = every[np.isfinite(every)]
    low, high = np.quantile(every, (0.002, 0.998)) if len(every) else (0.0, 1.0)
    if len(every) and np.all(every == np.round(every)) and high - low < 2 * bins:
        edges = np.arange(np.floor(low) - 0.5, np.ceil(high) + 1)
    else:
        edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    centre = (edges[1:] + edges[:-1]) / 2
    data = []
    for number, (title, (values, weight)) in enumerate(parts.items()):
        weight = np.asarray(weight, np.float64)
        height_of = np.histogram(values, edges, weights=weight)[0]
        area = weight.sum() * (edges[1] - edges[0])
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": title,
                "x": centre,
                "y": height_of / area if area else height_of,
                "line": {**line_style(number), "shape": "hvh"},
                "hovertemplate": f"{title}: %{{x:.4g}} {unit}, %{{y:.3g}}<extra></extra>",
            }
        )
    axis = {"title": {"text": written(name, unit)}}
    ordinate: dict[str, Any] = {
        "title": {"text": "Normalised to unit area"},
        **({"type": "log"} if log else {"rangemode": "tozero"}),
    }
    return Plot(data, {"xaxis": axis, "yaxis": ordinate}, height=height)


def bins_of(values: np.ndarray, count: int = 8) -> np.ndarray:
    """Edges of bins with about as many jets each.

    Args:
        values: (n,) of all jets.
        count: of bins at the most; equal edges are one.

    Returns:
        float64, rising; the last bin holds the largest value too.
    """
    values = np.asarray(values, np.float64)
    edges = np.unique(np.quantile(values[np.isfinite(values)], np.linspace(0, 1, count + 1)))
    if len(edges) < 2:
        edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
    edges[-1] = np.nextafter(edges[-1], np.inf)
    return edges


def binomial_interval(passed: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The interval of Clopper and Pearson (Biometrika 26 (1934) 404) at 68.3 % of a share of counted jets.

    Args:
        passed: int (n,), jets that pass.
        total: int (n,), jets, at least 1.

    Returns:
        Lower and upper ends, float64 (n,).
    """
    from scipy.special import betaincinv

    passed, total = np.asarray(passed, np.float64), np.asarray(total, np.float64)
    failed = total - passed
    low = np.where(passed > 0, betaincinv(np.maximum(passed, 1), failed + 1, _TAIL), 0.0)
    high = np.where(failed > 0, betaincinv(passed + 1, np.maximum(failed, 1), 1 - _TAIL), 1.0)
    return low, high


def efficiency(
    name: str, values: np.ndarray, label: np.ndarray, passed: Mapping[str, np.ndarray], *, unit: str = ""
) -> list[Plot]:
    """Shares of signal and of background that pass, against a quantity.

    Args:
        name: of the quantity.
        values: float (n,).
        label: int (n,), 1 for signal and 0 for background.
        passed: bool (n,) by the name of the classifier.
        unit: of the values.

    Returns:
        A plot for signal and one for background, of counted jets with intervals of Clopper and Pearson.
    """
    edges = bins_of(values)
    centre, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    axis = {"title": {"text": written(name, unit)}}
    drawn = []
    for value, title in ((1, "Signal efficiency"), (0, "Background efficiency")):
        data = []
        for number, (tagger, decision) in enumerate(passed.items()):
            rows = label == value
            total = np.histogram(values[rows], edges)[0]
            count = np.histogram(values[rows & decision], edges)[0]
            seen = total > 0
            share = count[seen] / total[seen]
            low, high = binomial_interval(count[seen], total[seen])
            data.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": tagger,
                    "x": centre[seen] + (number - (len(passed) - 1) / 2) * 0.2 * half[seen],
                    "y": share,
                    "error_y": {
                        "type": "data",
                        "symmetric": False,
                        "array": high - share,
                        "arrayminus": share - low,
                    },
                    "marker": {"color": COLOURS[number % 6], "symbol": number, "size": 8},
                    "customdata": np.stack([count[seen], total[seen]], axis=1),
                    "hovertemplate": f"{tagger}<br>{name} %{{x:.4g}}: %{{y:.3g}} "
                    "(%{customdata[0]} of %{customdata[1]})<extra></extra>",
                }
            )
        drawn.append(
            Plot(
                data, {"xaxis": axis, "yaxis": {"title": {"text": title}, "rangemode": "tozero"}}, height=320
            )
        )
    return drawn


def response(name: str, true: np.ndarray, found: np.ndarray, unit: str = "") -> list[Plot]:
    """How a regressed quantity follows the true one: distribution of the response, its median and width in bins.

    Args:
        name: of the output.
        true: float (n,).
        found: float (n,), predictions in the same unit.
        unit: of both.

    Returns:
        Two plots, of the ratio where all true values are positive and of the difference elsewhere.
    """
    true, found = np.asarray(true, np.float64), np.asarray(found, np.float64)
    ratio = bool(len(true) and np.all(true > 0))
    values = found / true if ratio else found - true
    what = f"{name}: predicted / true" if ratio else f"{name}: predicted − true"
    shown = "" if ratio else unit
    edges = bins_of(true)
    place = np.clip(np.digitize(true, edges) - 1, 0, len(edges) - 2)
    quantiles = np.array([np.quantile(values[place == i], (0.16, 0.5, 0.84)) for i in np.unique(place)])
    centre = ((edges[1:] + edges[:-1]) / 2)[np.unique(place)]
    data = [
        band(centre, quantiles[:, 0], quantiles[:, 2], 0, "response"),
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "median and central 68 %",
            "x": centre,
            "y": quantiles[:, 1],
            "line": line_style(0),
            "hovertemplate": "true %{x:.4g}: median %{y:.4g}<extra></extra>",
        },
    ]
    layout = {
        "xaxis": {"title": {"text": written(f"true {name}", unit)}},
        "yaxis": {"title": {"text": written(what, shown)}},
        "shapes": [
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": float(ratio), "y1": float(ratio)}
            | {"line": {"color": "#6b7a88", "width": 1, "dash": "dot"}}
        ],
    }
    return [
        distribution(what, {"test part": (values, np.ones(len(values)))}, unit=shown, height=340),
        Plot(data, layout, height=340),
    ]
