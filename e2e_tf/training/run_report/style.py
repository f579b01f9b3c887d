"""Colours, line styles and bands of the plots of a report."""

from __future__ import annotations

from typing import Any

from e2e_tf.training.roc_plot import WORKING_POINTS

__all__ = ["COLOURS", "band", "line_style", "working_points", "written"]

COLOURS = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#7a21dd", "#6c757d")
"""The palette of all plots; line styles change with it, so that a print without colours can be read."""
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


_SYMBOLS = {"pt": "p<sub>T</sub>", "eta": "η", "phi": "φ", "n_pileup": "pileup collisions"}


def written(name: str, unit: str = "") -> str:
    """A quantity as it stands on axes: its symbol and its unit in square brackets.

    Args:
        name: such as ``jet pt``; the last word is looked up.
        unit: of the values; empty for numbers.

    Returns:
        HTML of which Plotly knows the tags.
    """
    owner, _, last = name.rpartition(" ")
    text = f"{owner} {_SYMBOLS.get(last, last)}".strip()
    return f"{text} [{unit}]" if unit else text


def working_points() -> dict[str, Any]:
    """Dotted lines at the signal efficiencies that have names.

    Returns:
        Parts of a layout whose abscissa is the signal efficiency.
    """
    line = {"color": "#9aa7b3", "width": 1, "dash": "dot"}
    lines = [
        {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line, "layer": "below"}
        for x in WORKING_POINTS.values()
    ]
    names = [
        {"text": name, "x": x, "yref": "paper", "y": 0.02, "xanchor": "right", "yanchor": "bottom"}
        | {"textangle": -90, "showarrow": False, "font": {"size": 10, "color": "#5b6b7a"}}
        for name, x in WORKING_POINTS.items()
    ]
    return {"shapes": lines, "annotations": names}


def line_style(number: int) -> dict[str, Any]:
    """The line of a curve.

    Args:
        number: of the curve.

    Returns:
        Plotly's ``line``.
    """
    return {"color": COLOURS[number % len(COLOURS)], "dash": _DASHES[number % len(_DASHES)], "width": 2}


def band(x: Any, low: Any, high: Any, number: int, group: str) -> dict[str, Any]:
    """A trace that fills the space between two curves.

    Args:
        x: float (n,).
        low: float (n,).
        high: float (n,).
        number: of the curve, for its colour.
        group: name of the curve, with which it is shown and hidden.

    Returns:
        The trace.
    """
    return {
        "type": "scatter",
        "mode": "lines",  # of few points Plotly draws the points too
        "x": [*x, *x[::-1]],
        "y": [*low, *high[::-1]],
        "fill": "toself",
        "fillcolor": _faint(number),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
        "legendgroup": group,
    }


def _faint(number: int) -> str:
    colour = COLOURS[number % len(COLOURS)]
    return "rgba({},{},{},0.18)".format(*(int(colour[i : i + 2], 16) for i in (1, 3, 5)))
