"""Graph definitions by name, as configurations and ``preprocess.json`` hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from e2e_tf.errors import InputError

__all__ = ["KINDS", "GraphSpec", "kinds_of"]

KINDS = ("track", "ecal", "hcal", "pixel")
"""Kinds of nodes of detector objects; a node's kind is its index here."""
_GROUPS = {**{kind: (i,) for i, kind in enumerate(KINDS)}, "calo": (1, 2)}
_ACCEPTED = "knn:<k>, radius:<r>, delaunay, full, grid8, <kind>-<kind>:<r>, or several joined by +"
_NUMBERED = ("knn", "radius")
_PLAIN = ("delaunay", "full", "grid8")


@dataclass(frozen=True)
class GraphSpec:
    """How nodes are linked: the union of one or more rules.

    Attributes:
        parts: pairs of a rule's name and its number: ``("knn", 8)``, ``("radius", 0.2)``, ``("track-calo", 0.05)``, or
            None for ``delaunay``, ``full`` and ``grid8``. :func:`e2e_tf.graph.build_edges` links nodes by them.
    """

    parts: tuple[tuple[str, int | float | None], ...]

    @classmethod
    def parse(cls, text: str) -> GraphSpec:
        """Read a definition: ``"knn:8"``, ``"knn:8+delaunay"``, ``"radius:0.2"``, ``"full"``, ``"grid8"``.

        Of detector objects, ``"track-calo:0.05"`` links a node of the one kind and a node of the other that are at
        most 0.05 apart; kinds are those of :data:`KINDS` and ``calo`` for ``ecal`` and ``hcal``.

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
    def between(self) -> tuple[str, ...]:
        """Names of the rules that look at the kinds of nodes."""
        return tuple(name for name in self.names if "-" in name)

    @property
    def k(self) -> int:
        """Neighbours that ``knn`` links to a node, 0 without it."""
        return next((int(number or 0) for name, number in self.parts if name == "knn"), 0)


def kinds_of(rule: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The kinds that a rule such as ``track-calo`` links, as indices of :data:`KINDS`.

    Args:
        rule: two names joined by a hyphen.

    Returns:
        The kinds of one end and of the other.

    Raises:
        InputError: a name is none of a kind.
    """
    first, _, second = rule.partition("-")
    for name in (first, second):
        if name not in _GROUPS:
            raise InputError(
                f"a rule between kinds needs two of {', '.join(_GROUPS)}, got {name!r} in {rule!r}"
            )
    return _GROUPS[first], _GROUPS[second]


def _number(name: str, colon: str, number: str, part: str, text: str) -> int | float | None:
    """The number of one part of a definition."""
    if name in _PLAIN:
        if colon:
            raise InputError(f"{name} takes no number, got {part!r} in {text!r}")
        return None
    if "-" in name:
        kinds_of(name)
    elif name not in _NUMBERED:
        raise InputError(f"a graph must be {_ACCEPTED}; unknown part {part!r} in {text!r}")
    if name == "knn":
        if not re.fullmatch(r"[0-9]+", number) or int(number) < 1:
            raise InputError(f"knn needs a positive integer, such as knn:8, got {part!r} in {text!r}")
        return int(number)
    value = float(number) if re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e-?[0-9]+)?", number) else 0.0
    if not 0 < value < float("inf"):
        raise InputError(f"{name} needs a positive number, such as {name}:0.2, got {part!r} in {text!r}")
    return value
