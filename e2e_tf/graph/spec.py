"""Graph definitions by name, as configurations and ``preprocess.json`` hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from e2e_tf.errors import InputError

__all__ = ["GraphSpec"]

_ACCEPTED = "knn:<k>, radius:<r>, delaunay, full, grid8, or several joined by +"
_NUMBERED = ("knn", "radius")
_PLAIN = ("delaunay", "full", "grid8")


@dataclass(frozen=True)
class GraphSpec:
    """How nodes are linked: the union of one or more rules.

    Attributes:
        parts: pairs of a rule's name and its number: ``("knn", 8)``, ``("radius", 0.2)``, or None for
            ``delaunay``, ``full`` and ``grid8``. :func:`e2e_tf.graph.build_edges` links nodes by them.
    """

    parts: tuple[tuple[str, int | float | None], ...]

    @classmethod
    def parse(cls, text: str) -> GraphSpec:
        """Read a definition: ``"knn:8"``, ``"knn:8+delaunay"``, ``"radius:0.2"``, ``"full"``, ``"grid8"``.

        Args:
            text: rules joined by ``+``, each at most once; spaces are ignored.

        Returns:
            The rules in the given order.

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

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the rules."""
        return tuple(name for name, _ in self.parts)

    @property
    def k(self) -> int:
        """Neighbours that ``knn`` links to a node, 0 without it."""
        return next((int(number or 0) for name, number in self.parts if name == "knn"), 0)


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
