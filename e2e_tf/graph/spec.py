"""Graph definitions by name: what the configuration, the exporter and the C++ builder share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph._check import Period, as_counts, as_points, edges_per_graph
from e2e_tf.graph.delaunay import delaunay
from e2e_tf.graph.full import full
from e2e_tf.graph.grid import grid8
from e2e_tf.graph.knn import knn
from e2e_tf.graph.radius import radius
from e2e_tf.graph.union import union

__all__ = ["GraphSpec"]

_ACCEPTED = "knn:<k>, radius:<r>, delaunay, full, grid8, or several joined by +"
_NUMBERED = ("knn", "radius")
_PLAIN = ("delaunay", "full", "grid8")


@dataclass(frozen=True)
class GraphSpec:
    """How nodes are linked: the union of one or more rules.

    Attributes:
        parts: pairs of a rule's name and its number: ``("knn", 8)``, ``("radius", 0.2)``, or None for
            ``delaunay``, ``full`` and ``grid8``.
    """

    parts: tuple[tuple[str, int | float | None], ...]

    @classmethod
    def parse(cls, text: str) -> GraphSpec:
        """Read a definition: ``"knn:8"``, ``"knn:8+delaunay"``, ``"radius:0.2"``, ``"full"``, ``"grid8"``.

        Raises:
            InputError: naming the part that is not accepted, and what is.
        """
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"a graph must be {_ACCEPTED}, got {text!r}")
        parts: list[tuple[str, int | float | None]] = []
        for part in text.split("+"):
            name, colon, number = (piece.strip() for piece in part.partition(":"))
            parts.append((name, _number(name, colon, number, part.strip(), text)))
        if len({name for name, _ in parts}) < len(parts):
            raise InputError(f"a graph must name each rule once, got {text!r}")
        return cls(tuple(parts))

    def __str__(self) -> str:
        # The sign of a positive exponent would read as the next part.
        parts = (
            name if number is None else f"{name}:{number!r}".replace("e+", "e") for name, number in self.parts
        )
        return "+".join(parts)

    def build(
        self, points_xy: Any, n_node: Any, *, lattice: Any = None, period: Period = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Link the nodes of every graph, without loops.

        Args:
            points_xy: (n, 2) positions, such as η and φ [rad].
            n_node: integers (B,), nodes of each graph.
            lattice: integers (n, 2), the row and column of each node, where nodes are pixels; ``grid8`` needs
                it and ``delaunay`` prefers it, ``knn`` and ``radius`` measure with ``points_xy``.
            period: length at which coordinates of ``points_xy`` wrap, for (η, φ) ``(None, 2 * np.pi)``.

        Returns:
            ``(senders, receivers, n_edge)``, int32: absolute node indices sorted by receiver, then sender,
            and the number of edges of each graph (B,).

        Raises:
            InputError: an argument has the wrong shape or type, or ``grid8`` has no ``lattice``.
        """
        points = as_points(points_xy, "points_xy")
        counts = as_counts(n_node, len(points), "points_xy")
        if points.shape[1] != 2:
            raise InputError(f"points_xy must have shape (n, 2), got {points.shape}")
        if lattice is not None and np.shape(lattice) != points.shape:
            raise InputError(
                f"lattice must have the shape of points_xy {points.shape}, got {np.shape(lattice)}"
            )
        sets = [self._edges(name, number, points, counts, lattice, period) for name, number in self.parts]
        senders, receivers = sets[0] if len(sets) == 1 else union(sets, counts)
        return senders, receivers, edges_per_graph(receivers, counts)

    @staticmethod
    def _edges(
        name: str, number: Any, points: np.ndarray, counts: np.ndarray, lattice: Any, period: Period
    ) -> tuple[np.ndarray, np.ndarray]:
        if name == "knn":
            return knn(points, counts, number, period=period)
        if name == "radius":
            return radius(points, counts, number, period=period)
        if name == "full":
            return full(counts)
        if name == "delaunay":
            if lattice is None:
                return delaunay(points, counts, period=period)
            return delaunay(_integers(lattice), counts)
        if lattice is None:
            raise InputError("grid8 needs lattice, the row and column of each node, got None")
        return grid8(_integers(lattice), counts)


def _integers(lattice: Any) -> np.ndarray:
    array = np.asarray(lattice)
    if array.dtype.kind not in "iu":
        raise InputError(f"lattice must be integers, got {array.dtype}")
    return array


def _number(name: str, colon: str, number: str, part: str, text: str) -> int | float | None:
    """The number of one part of a definition."""
    if name in _PLAIN:
        if colon:
            raise InputError(f"{name} takes no number, got {part!r} in {text!r}")
        return None
    if name not in _NUMBERED:
        raise InputError(f"a graph must be {_ACCEPTED}; unknown part {part!r} in {text!r}")
    if name == "knn":
        if not re.fullmatch(r"[0-9]+", number) or int(number) < 1:
            raise InputError(f"knn needs a positive integer, such as knn:8, got {part!r} in {text!r}")
        return int(number)
    value = float(number) if re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e-?[0-9]+)?", number) else 0.0
    if not 0 < value < float("inf"):
        raise InputError(f"radius needs a positive number, such as radius:0.2, got {part!r} in {text!r}")
    return value
