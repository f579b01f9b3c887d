"""The edges of a graph: the one builder that training, prediction, export and validation share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph._check import Period, as_counts, as_points
from e2e_tf.graph.delaunay import delaunay
from e2e_tf.graph.full import full
from e2e_tf.graph.grid import grid8
from e2e_tf.graph.knn import knn
from e2e_tf.graph.radius import radius
from e2e_tf.graph.spec import KINDS, GraphSpec, kinds_of
from e2e_tf.graph.union import union

__all__ = ["WRAPPED", "NodeSpace", "build_edges"]

_ANGLES = {
    "hits": ("deta", "dphi"),
    "candidates": ("deta", "dphi"),
    "detector": ("deta_face", "dphi_face"),  # where tracks and the energy that they leave are in one place
    "pixels": ("drow", "dcolumn"),
}
_ON_LATTICE = ("hits", "pixels")
WRAPPED = ("phi", "dphi", "dphi_face")
"""Names of the quantities that wrap at 2π."""
_BOUND = 1e6  # of a coordinate that does not wrap: far beyond any position, its square far from infinite
_HUGE = np.float32(1e32)  # beyond it a value counts as infinite, as in CMSSW's producers


@dataclass(frozen=True)
class NodeSpace:
    """The coordinates in which the nodes of a graph are compared.

    Hits and pixels have a row and a column. Unless other coordinates are named, their nearest neighbours and
    Delaunay graphs are found by row and column: distances on the lattice are exact integers, so that nodes that
    are equally far away are equally far in every runtime. In η and φ rounding decides which of them is taken,
    and four jets in five get other edges.

    Attributes:
        nodes: ``hits``, ``candidates``, ``detector`` or ``pixels``.
        coordinates: raw names of the quantities of the nodes that are compared; empty for those of ``nodes``.
    """

    nodes: str
    coordinates: tuple[str, ...] = ()

    @property
    def on_lattice(self) -> bool:
        """True where nearest neighbours and Delaunay graphs are found by row and column."""
        return self.nodes in _ON_LATTICE and not self.coordinates

    @property
    def measured(self) -> tuple[str, ...]:
        """Raw names of the quantities in which distances are measured, those of a radius on the lattice too."""
        return self.coordinates or _ANGLES[self.nodes]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the coordinates that are compared: ``row`` and ``column``, or those of :attr:`measured`."""
        return ("row", "column") if self.on_lattice else self.measured

    @staticmethod
    def periods(names: tuple[str, ...]) -> list[float | None]:
        """Length at which each of the named quantities wraps.

        Args:
            names: raw names, such as those of :attr:`measured`.

        Returns:
            2π for ``phi``, ``dphi`` and ``dphi_face``, None for others.
        """
        return [2 * np.pi if name in WRAPPED else None for name in names]

    @staticmethod
    def bounds(names: tuple[str, ...]) -> list[float]:
        """Largest absolute value of each of the named coordinates.

        Args:
            names: raw names, such as those of :attr:`measured`.

        Returns:
            π in float32 for those that wrap, 1e6 for others.
        """
        return [float(np.float32(np.pi)) if name in WRAPPED else _BOUND for name in names]

    @classmethod
    def bounded(cls, points: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
        """Coordinates as all builders take them: one that is NaN, infinite or beyond 1e32 counts as 0.

        In CMSSW a candidate without a direction must not end the job, so it has a place in every language.

        Args:
            points: float32 (n, D), angles wrapped.
            names: raw names of the D coordinates.

        Returns:
            float32 (n, D) within :meth:`bounds`; what is so already keeps its bits.
        """
        bound = np.array(cls.bounds(names), np.float32)
        inside = np.abs(points) <= bound
        if inside.all():
            return points
        with np.errstate(invalid="ignore"):
            known = np.where(np.abs(points) <= _HUGE, np.clip(points, -bound, bound), np.float32(0))
        return np.where(inside, points, known).astype(np.float32)


def build_edges(
    spec: GraphSpec,
    n_node: Any,
    *,
    points: Any = None,
    period: Period = None,
    lattice: Any = None,
    on_lattice: bool | None = None,
    kind: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Link the nodes of every graph by the rules of ``spec``, without loops.

    The C++ builder (``deploy/cpp/include/e2e_tf/graph.hpp``) finds the same edges.

    Args:
        spec: the rules; the graph is the union of their edges.
        n_node: integers (B,), nodes of each graph.
        points: (n, D) coordinates, such as η and φ [rad], in which ``knn``, ``radius`` and ``delaunay`` measure.
        period: length at which coordinates of ``points`` wrap, for (η, φ) ``(None, 2 * np.pi)``.
        lattice: integers (n, 2), row and column of each node, where nodes are crystals or pixels. ``grid8`` needs
            it. A radius is never measured on it.
        on_lattice: True if ``knn`` and ``delaunay`` measure on ``lattice``; None for wherever there is one. See
            :class:`NodeSpace`.
        kind: integers (n,), the kind of each node, an index of :data:`e2e_tf.graph.KINDS`. Rules between kinds, such
            as ``track-calo``, need it; they measure in ``points``.

    Returns:
        ``(senders, receivers)``, int32 (n_edges,), absolute node indices sorted by receiver, then sender.

    Raises:
        InputError: a rule lacks the points, the lattice or the kinds that it needs, or an argument has the wrong
            shape or type.
    """
    counts = as_counts(n_node)
    if on_lattice is None:
        on_lattice = lattice is not None
    if lattice is not None:
        lattice = _cells(lattice, int(counts.sum()))
    if kind is not None:
        kind = _kinds(kind, int(counts.sum()))

    def place(rule: str) -> tuple[Any, Period]:
        if on_lattice and rule != "radius" and "-" not in rule:
            if lattice is None:
                raise InputError(f"{rule} on the lattice needs lattice, the row and column of each node")
            return lattice, None
        if points is None:
            raise InputError(f"{rule} needs points, the coordinates of each node, got None")
        return as_points(points), period

    def edges(rule: str, number: Any) -> tuple[np.ndarray, np.ndarray]:
        if rule == "full":
            return full(counts)
        if rule == "grid8":
            if lattice is None:
                raise InputError(
                    "the graph grid8 links neighbouring pixels; candidates are not on a grid: it needs lattice, the "
                    "row and column of each node"
                )
            return grid8(lattice, counts)
        where, wrap = place(rule)
        if rule == "knn":
            return knn(where, counts, number, period=wrap)
        if rule == "radius":
            return radius(where, counts, number, period=wrap)
        if "-" in rule:
            if kind is None:
                raise InputError(f"{rule} needs the kind of each node; only detector objects have one")
            return _between(kind, kinds_of(rule), *radius(where, counts, number, period=wrap))
        return delaunay(where, counts, period=wrap)

    sets = [edges(rule, number) for rule, number in spec.parts]
    return sets[0] if len(sets) == 1 else union(sets, counts)


def _between(
    kind: np.ndarray,
    ends: tuple[tuple[int, ...], tuple[int, ...]],
    senders: np.ndarray,
    receivers: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Those of the edges that join a node of the one kinds and a node of the others, in either direction."""
    first, second = (np.isin(kind, kinds) for kinds in ends)
    keep = (first[senders] & second[receivers]) | (second[senders] & first[receivers])
    return senders[keep], receivers[keep]


def _kinds(kind: Any, rows: int) -> np.ndarray:
    array = np.asarray(kind)
    if array.shape != (rows,) or array.dtype.kind not in "iu":
        raise InputError(
            f"kind must be integers of shape ({rows},), got {array.dtype} with shape {array.shape}"
        )
    if array.size and (array.min() < 0 or array.max() >= len(KINDS)):
        raise InputError(f"kind must be from 0 to {len(KINDS) - 1}, got {array.min()} to {array.max()}")
    return array


def _cells(lattice: Any, rows: int) -> np.ndarray:
    array = np.asarray(lattice)
    if array.dtype.kind not in "iu":
        raise InputError(f"lattice must be integers, got {array.dtype}")
    if array.shape != (rows, 2):
        raise InputError(
            f"lattice must have shape ({rows}, 2), one row and column per node, got {array.shape}"
        )
    return array
