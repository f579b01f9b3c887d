"""One jet as a picture: its hits or detector objects, and the edges of its graph."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from e2e_tf.data.features import CHANNELS
from e2e_tf.errors import InputError
from e2e_tf.figure import PlotStyle, legend_below, picture

__all__ = ["plot_event_display"]

_CHANNEL_COLOURS = {"track": "#e42536", "ecal": "#f89c20", "hcal": "#5790fc"}
_CHANNEL_MARKERS = {"track": "o", "ecal": "s", "hcal": "D"}  # told apart in grey
_CHANNEL_NAMES = {"track": r"Tracks ($p_\mathrm{T}$)", "ecal": "ECAL", "hcal": "HCAL"}
_REACH = 0.6  # rad, of a picture of detector objects, which are those within 0.5


def plot_event_display(
    path: str | os.PathLike[str],
    deta: np.ndarray,
    dphi: np.ndarray,
    energy_per_channel: np.ndarray,
    senders: np.ndarray,
    receivers: np.ndarray,
    *,
    from_vertex: np.ndarray | None = None,
    title: str = "",
    style: PlotStyle | None = None,
    force: bool = False,
) -> None:
    """One jet as the network sees it: circles (tracks), squares (ECAL), diamonds (HCAL), areas by energy, and edges.

    Of detector objects, with ``from_vertex``, arrows lead from a track's direction at the vertex to where it meets the
    calorimeter, and clusters of pixels, which have no energy, are crosses.

    Args:
        path: the picture to write; its ending gives the format, others follow from ``style``.
        deta: float (n,), η of each node relative to the jet axis.
        dphi: float (n,), φ of each node relative to the jet axis [rad].
        energy_per_channel: float (n, 3), track pT, ECAL and HCAL energy of each node [GeV].
        senders: int (number of edges,), node where an edge starts.
        receivers: int (number of edges,), node where it ends.
        from_vertex: float (n, 2), Δη and Δφ [rad] of each node at the vertex, where nodes are detector objects.
        title: printed below the frame.
        style: labels above the frame and formats; None takes the defaults.
        force: replace ``path``.

    Raises:
        InputError: shapes disagree, an edge points to no node, or ``path`` exists.
    """
    deta, dphi = np.asarray(deta, np.float64), np.asarray(dphi, np.float64)
    values = np.asarray(energy_per_channel, np.float64)
    senders, receivers = np.asarray(senders), np.asarray(receivers)
    n = len(deta)
    if dphi.shape != (n,) or values.shape != (n, len(CHANNELS)):
        raise InputError(
            f"an event display needs dphi ({n},) and energies ({n}, {len(CHANNELS)}), "
            f"received {dphi.shape} and {values.shape}"
        )
    ends = np.concatenate([senders, receivers])
    if senders.shape != receivers.shape or np.any((ends < 0) | (ends >= n)):
        came = f"{len(senders)} and {len(receivers)} from {ends.min(initial=0)} to {ends.max(initial=0)}"
        raise InputError(
            f"senders and receivers must be equally many node indices from 0 to {n - 1}, received {came}"
        )
    with picture(path, style, force=force, size=(10, 11.6)) as axes:
        from matplotlib.collections import LineCollection
        from matplotlib.lines import Line2D

        # An edge and its reverse are one line, and loops are none.
        pairs = np.unique(np.sort(np.stack([senders, receivers], axis=1), axis=1), axis=0)
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        points = np.stack([deta, dphi], axis=1)
        # Many edges must not hide the hits.
        alpha = float(np.clip(120 / max(len(pairs), 1), 0.15, 0.6))
        axes.add_collection(
            LineCollection(points[pairs], colors="0.35", linewidths=1.2, alpha=alpha, zorder=1)
        )
        largest = values.max(initial=0.0)
        area_per_gev = 1800 / largest if largest > 0 else 0.0
        # Larger circles below: HCAL under ECAL under tracks.
        if from_vertex is not None:
            start = np.asarray(from_vertex, np.float64)
            for row in np.flatnonzero(values[:, CHANNELS.index("track")] > 0):
                arrow = axes.annotate(
                    "",
                    xy=points[row],
                    xytext=start[row],
                    arrowprops={"arrowstyle": "->", "color": _CHANNEL_COLOURS["track"], "linewidth": 1.5},
                    zorder=8,
                )
                assert arrow.arrow_patch is not None
                arrow.arrow_patch.set_clip_box(axes.bbox)
            bare = values.sum(axis=1) == 0
            axes.scatter(deta[bare], dphi[bare], s=40, marker="x", color="0.2", linewidths=1.2, zorder=3)
        for zorder, channel in enumerate(reversed(CHANNELS), start=2):
            value = values[:, CHANNELS.index(channel)]
            hit = np.flatnonzero(value > 0)
            hit = hit[np.argsort(-value[hit], kind="stable")]
            axes.scatter(
                deta[hit],
                dphi[hit],
                marker=_CHANNEL_MARKERS[channel],
                s=np.maximum(value[hit] * area_per_gev, 6),
                color=_CHANNEL_COLOURS[channel],
                edgecolors="black",
                linewidths=0.6,
                alpha=0.7,
                zorder=zorder,
            )
        reach = 1.02 * max(0.1, float(np.abs(points).max(initial=0.0)))
        if from_vertex is not None:  # a soft track may meet the calorimeter radians away
            reach = min(reach, _REACH)
        # Equal spans on both axes. Legends and title stand below: a track or an edge may lead anywhere in the frame.
        axes.set(xlim=(-1.2 * reach, 1.2 * reach), ylim=(-1.2 * reach, 1.2 * reach), box_aspect=1)
        axes.set_xlabel(r"$\Delta\eta$ to jet axis")
        axes.set_ylabel(r"$\Delta\phi$ to jet axis [rad]")
        axes.plot([0], [0], marker="+", color="black", markersize=18, markeredgewidth=2, zorder=9)
        point: dict[str, Any] = {"linestyle": "", "markeredgecolor": "black"}
        handles = [
            Line2D(
                [],
                [],
                color=_CHANNEL_COLOURS[c],
                marker=_CHANNEL_MARKERS[c],
                markersize=12,
                label=_CHANNEL_NAMES[c],
                **point,
            )
            for c in CHANNELS
        ]
        if from_vertex is not None and bare.any():
            handles.append(
                Line2D([], [], linestyle="", color="0.2", marker="x", markersize=8, label="Pixel clusters")
            )
        handles.append(Line2D([], [], color="0.35", linewidth=1.5, label=f"{len(pairs)} edges"))
        legend_below(
            axes,
            handles,
            "left",
            title=title,
            title_fontsize=20,
            alignment="left",
            fontsize=18,
            ncols=3,
            columnspacing=1,
        )
        sizes = _round_values(largest)
        scale = [
            Line2D(
                [],
                [],
                color="white",
                markersize=np.sqrt(size * area_per_gev),
                label=f"{size:g} GeV",
                marker="o",
                **point,
            )
            for size in sizes
        ]
        if scale:
            legend_below(axes, scale, "right", fontsize=18, ncols=len(scale), columnspacing=1, borderpad=1)


def _round_values(largest: float) -> list[float]:
    """Two round numbers for a scale: the largest 1, 2 or 5 x 10^k that is not above, and a tenth of it."""
    if largest <= 0:
        return []
    decade = 10.0 ** np.floor(np.log10(largest))
    top = max(step * decade for step in (1, 2, 5) if step * decade <= largest)
    return [top / 10, top]
