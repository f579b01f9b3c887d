"""Colours, line styles and bands of the plots of a report."""

from __future__ import annotations

from typing import Any

__all__ = ["COLOURS", "band", "line_style"]

COLOURS = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#7a21dd", "#6c757d")
"""The palette of all plots; line styles change with it, so that a print without colours can be read."""
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


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
