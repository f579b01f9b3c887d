"""Normalisation, fitted on the training split and stored as ``preprocess.json``.

The file follows the ParticleNet convention that CMSSW producers read: ``input_names``, and per input
``var_names``, ``min_length`` and ``max_length`` (of jet quantities 1 and 1: CMSSW refuses a file with lengths in two
forms), and ``var_infos`` with ``median``,
``norm_factor``, ``replace_inf_value``, ``lower_bound``, ``upper_bound``, ``pad``. Each variable also names
its ``raw`` quantity, ``unit`` and ``transform``, and ``graph`` says how the graph is built.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.features import TRANSFORMS, Feature, feature_names
from e2e_tf.errors import InputError
from e2e_tf.files import write_json
from e2e_tf.graph import KINDS, GraphSpec, NodeSpace

__all__ = [
    "QUANTILES",
    "GraphSettings",
    "Normalisation",
    "Preprocess",
    "check_limits",
    "is_usable",
    "node_limit",
    "read_preprocess",
]

_HUGE = np.float32(1e32)  # beyond it a value counts as infinite, as in CMSSW's producers
_CLAMP = 5.0
QUANTILES = (0.16, 0.5, 0.84)
"""What the normalisation of a feature is measured by."""


@dataclass(frozen=True)
class Normalisation:
    """``clamp((value - median) * norm_factor, lower, upper)``, one entry per feature.

    Attributes:
        features: names, units and transforms, in the order of the columns.
        median, norm_factor, lower, upper, replace: float32 (F,); ``replace`` stands for a non-finite value.
    """

    features: tuple[Feature, ...]
    median: np.ndarray
    norm_factor: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    replace: np.ndarray

    @classmethod
    def fit(cls, features: Sequence[Feature], values: np.ndarray) -> Normalisation:
        """Median and half the central 68 % of the transformed values; the spread where most are equal.

        Args:
            features: F features.
            values: float32 (n, F), transformed, of the training split only; what is not finite is left out.

        Returns:
            The normalisation, with bounds at ±5.

        Raises:
            InputError: ``values`` has another shape.
        """
        features = tuple(features)
        if values.ndim != 2 or values.shape[1] != len(features):
            raise InputError(f"values must have shape (n, {len(features)}), not {values.shape}")
        measured: list[tuple[float, ...] | None] = []
        for column in values.T:
            column = column[is_usable(column)].astype(np.float64)
            found = (*np.quantile(column, QUANTILES), column.mean(), column.std()) if len(column) else None
            measured.append(found)
        return cls.of(features, measured)

    @classmethod
    def of(cls, features: Sequence[Feature], measured: Sequence[Sequence[float] | None]) -> Normalisation:
        """From what was measured of each feature.

        Args:
            features: F features.
            measured: of each the :data:`QUANTILES`, mean and standard deviation; None without a usable value.

        Returns:
            The normalisation, with bounds at ±5.
        """
        features = tuple(features)
        count = len(features)
        median, norm = np.zeros(count, np.float32), np.ones(count, np.float32)
        for i, found in enumerate(measured):
            if found is None:
                continue
            low, middle, high, mean, deviation = found
            # A column that is mostly one value (no track in most crystals) has no width between quantiles.
            degenerate = min(high - middle, middle - low) < 1e-3 * (deviation + 1e-12)
            width = deviation if degenerate else 0.5 * (high - low)
            median[i] = mean if degenerate else middle
            norm[i] = 1.0 / width if width > 1e-12 else 1.0
        full = np.full(count, _CLAMP, np.float32)
        return cls(features, median, norm, -full, full, np.zeros(count, np.float32))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Normalised copy of transformed values.

        Args:
            values: float32 (n, F).

        Returns:
            float32 (n, F); a value that is NaN or beyond 1e32 becomes ``replace``.
        """
        values = np.asarray(values, np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = np.clip((values - self.median) * self.norm_factor, self.lower, self.upper)
            finite = np.abs(values) <= _HUGE  # false for NaN as well
        return np.where(finite, scaled, self.replace).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """The entries ``var_names`` and ``var_infos`` of a group of ``preprocess.json``.

        Returns:
            JSON values; the float32 numbers survive exactly.
        """
        infos = {}
        for i, feature in enumerate(self.features):
            infos[feature.name] = {
                "median": float(self.median[i]),
                "norm_factor": float(self.norm_factor[i]),
                "replace_inf_value": float(self.replace[i]),
                "lower_bound": float(self.lower[i]),
                "upper_bound": float(self.upper[i]),
                "pad": 0.0,
                "raw": feature.raw,
                "unit": feature.unit,
                "transform": feature.transform,
                "description": feature.description,
            }
        return {"var_names": list(feature_names(self.features)), "var_infos": infos}

    @classmethod
    def from_dict(cls, group: Mapping[str, Any]) -> Normalisation:
        """The normalisation of a group of ``preprocess.json``.

        Args:
            group: with ``var_names`` and ``var_infos``.

        Returns:
            The same as was written.

        Raises:
            InputError: a transform does not exist.
            KeyError: an entry is missing.
        """
        infos = [group["var_infos"][name] for name in group["var_names"]]
        features = []
        for info in infos:
            if info["transform"] not in TRANSFORMS:
                raise InputError(
                    f"the transform must be one of {', '.join(TRANSFORMS)}, not {info['transform']!r}"
                )
            features.append(Feature(info["raw"], info["unit"], info["description"], info["transform"]))

        def column(key: str) -> np.ndarray:
            return np.array([info[key] for info in infos], np.float32)

        return cls(
            tuple(features),
            column("median"),
            column("norm_factor"),
            column("lower_bound"),
            column("upper_bound"),
            column("replace_inf_value"),
        )


class GraphSettings:
    """What follows from how a graph is built, of a recipe and of what was stored with a model."""

    nodes: str
    edges: str
    coordinates: tuple[str, ...]
    max_nodes: int | Mapping[str, int]

    @cached_property
    def spec(self) -> GraphSpec:
        """``edges``, read once."""
        return GraphSpec.parse(self.edges)

    @property
    def space(self) -> NodeSpace:
        """The coordinates in which the nodes are compared."""
        return NodeSpace(self.nodes, self.coordinates)

    @property
    def limit(self) -> int:
        """Nodes of a jet at the most, all kinds together; 0 for no limit."""
        return node_limit(self.max_nodes)


@dataclass(frozen=True)
class Preprocess(GraphSettings):
    """All that turns raw jets into a model's inputs.

    Attributes:
        nodes: what a node is, ``hits``, ``candidates``, ``detector`` or ``pixels``.
        edges: the graph, such as ``knn:8+delaunay``.
        coordinates: raw node quantities that the graph is built in; empty for the position in η and φ.
        max_nodes: the leading nodes (by energy or pT) kept in a jet; 0 keeps all. Of detector objects also a number for
            each kind that becomes nodes.
        node_features, jet_features: normalisation of the node and of the jet quantities (or None).
    """

    nodes: str
    edges: str
    node_features: Normalisation
    jet_features: Normalisation | None = None
    coordinates: tuple[str, ...] = ()
    max_nodes: int | Mapping[str, int] = 0
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The document of ``preprocess.json``.

        Returns:
            JSON values.
        """
        groups: dict[str, Any] = {
            "x": {**self.node_features.to_dict(), "min_length": 0, "max_length": self.limit}
        }
        if self.jet_features is not None:
            groups["u"] = {**self.jet_features.to_dict(), "min_length": 1, "max_length": 1}
        return {
            "input_names": list(groups),
            "output_names": ["score"],
            **groups,
            "graph": {
                "nodes": self.nodes,
                "edges": self.edges,
                "coordinates": list(self.coordinates),
                "max_nodes": self.max_nodes if isinstance(self.max_nodes, int) else dict(self.max_nodes),
            },
            **({"extra": dict(self.extra)} if self.extra else {}),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Preprocess:
        """From the document of ``preprocess.json``.

        Args:
            document: as :meth:`to_dict` gives it.

        Returns:
            The same as was written.

        Raises:
            InputError: a transform does not exist.
            KeyError: an entry is missing.
        """
        graph = document["graph"]
        limits = graph["max_nodes"]
        return cls(
            nodes=graph["nodes"],
            edges=graph["edges"],
            coordinates=tuple(graph["coordinates"]),
            max_nodes={kind: int(n) for kind, n in limits.items()}
            if isinstance(limits, dict)
            else int(limits),
            node_features=Normalisation.from_dict(document["x"]),
            jet_features=Normalisation.from_dict(document["u"]) if "u" in document else None,
            extra=document.get("extra", {}),
        )

    def write(self, path: str | os.PathLike[str], force: bool = False) -> None:
        """Write ``preprocess.json``; the float32 numbers survive the round trip exactly.

        Args:
            path: new file.
            force: replace an existing file.

        Raises:
            InputError: ``path`` exists and ``force`` is false.
        """
        write_json(Path(path), self.to_dict(), force=force)


def is_usable(values: np.ndarray) -> np.ndarray:
    """Which values count in the fit of a normalisation.

    Args:
        values: float32, any shape.

    Returns:
        bool, in the shape of ``values``: those that are finite and not beyond 1e32.
    """
    return np.isfinite(values) & (np.abs(values) <= _HUGE)


def check_limits(max_nodes: int | Mapping[str, int], nodes: str) -> None:
    """That ``max_nodes`` of a recipe is a number, or of detector objects a table of kinds and numbers.

    Args:
        max_nodes: as the configuration has it.
        nodes: what a node is.

    Raises:
        InputError: it is not, or a number is negative.
    """
    if isinstance(max_nodes, int):
        if max_nodes < 0:
            raise InputError(f"max_nodes must not be negative, it is {max_nodes}")
        return
    if nodes != "detector":
        raise InputError(
            f"max_nodes must be a number where nodes are {nodes!r}, only detector objects have one for each kind; "
            f"it is {dict(max_nodes)}"
        )
    wrong = [kind for kind in max_nodes if kind not in KINDS]
    if wrong or not max_nodes:
        raise InputError(f"max_nodes takes the kinds {', '.join(KINDS)}, not {', '.join(wrong) or 'none'}")
    for kind, number in max_nodes.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise InputError(
                f"max_nodes.{kind} must be a number of at least 0 (0 keeps all), it is {number!r}"
            )


def node_limit(max_nodes: int | Mapping[str, int]) -> int:
    """Nodes of a jet at the most, all kinds together.

    Args:
        max_nodes: of a recipe.

    Returns:
        The number, 0 for no limit.
    """
    if isinstance(max_nodes, int):
        return max_nodes
    return sum(max_nodes.values()) if all(max_nodes.values()) else 0


def read_preprocess(path: str | os.PathLike[str]) -> Preprocess:
    """Read ``preprocess.json``.

    Args:
        path: of the file.

    Returns:
        Recipe of the graphs and normalisation of the features.

    Raises:
        InputError: the file is missing, is not JSON or lacks an entry.
    """
    path = Path(path)
    try:
        return Preprocess.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise InputError(f"there is no {path}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a preprocess.json of this library ({error!r})") from error
