"""Inputs of nodes beside ``x`` that some models take, exactly as they are: ``points`` and ``p4``.

In memory they are arrays of their own, :meth:`e2e_tf.data.graphs.GraphData.node_inputs`. A bundle has them as further
columns of ``x``, behind the others, with no transform and a normalisation that changes nothing; so every runtime, the
C++ builder and CMSSW make them as they make any column. Their names have a dot, which no column of a sample has. In C++
they are in ``deploy/cpp/include/e2e_tf/node_inputs.hpp``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from e2e_tf.data.features import Feature
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.graph import NodeSpace

__all__ = [
    "INPUT_COLUMNS",
    "MASSIVE",
    "NODE_INPUTS",
    "bounded_momenta",
    "input_columns",
    "places",
    "with_node_inputs",
]

NODE_INPUTS: Mapping[str, tuple[Feature, ...]] = {
    "points": (
        Feature("points.deta", "rad", "η relative to the jet axis, as it is", mirror="eta"),
        Feature("points.dphi", "rad", "φ relative to the jet axis, as it is", mirror="phi"),
    ),
    "p4": (
        Feature("p4.pt", "GeV", "transverse momentum, as it is"),
        Feature("p4.eta", "", "pseudorapidity", mirror="eta"),
        Feature("p4.phi", "rad", "azimuth", mirror="phi"),
        Feature("p4.mass", "GeV", "mass, 0 where the sample of the training had none"),
    ),
}
"""The columns of each input, in order."""
INPUT_COLUMNS = tuple(feature.raw for features in NODE_INPUTS.values() for feature in features)
"""Their names."""
MASSIVE = "massive"
"""Entry of ``extra`` in ``preprocess.json``, true where nodes of the training had masses."""

_LARGEST = 1e6  # GeV; its square times cosh of twice the largest η is a float32
_HIGHEST = 30.0  # of η, which is 20 for a particle along the beam
_BOUNDS = {
    **dict(zip(("points.deta", "points.dphi"), NodeSpace.bounds(("deta", "dphi")), strict=True)),
    "p4.pt": _LARGEST,
    "p4.eta": _HIGHEST,
    "p4.phi": float(np.float32(np.pi)),
    "p4.mass": _LARGEST,
}


def places(quantities: Mapping[str, np.ndarray], nodes: int) -> np.ndarray:
    """The input ``points``.

    Args:
        quantities: float32 (n,) by raw name.
        nodes: n.

    Returns:
        float32 (n, 2): Δη and Δφ to the jet axis [rad], bounded as coordinates are; NaN where they are not known.
    """
    names = ("deta", "dphi")
    if not quantities.keys() >= set(names):
        return np.full((nodes, 2), np.nan, np.float32)
    return NodeSpace.bounded(np.stack([quantities[name] for name in names], axis=1), names)


def bounded_momenta(p4: np.ndarray) -> np.ndarray:
    """The input ``p4`` as models take it: what is not a number or beyond 1e32 is 0, the rest is clamped.

    Args:
        p4: float32 (n, 4): pT [GeV], η, φ [rad], mass [GeV].

    Returns:
        float32 (n, 4): pT in [0, 1e6] GeV, η in ±30, φ in ±π, mass in ±1e6 GeV.
    """
    return _exact(NODE_INPUTS["p4"])(p4)


def input_columns(
    names: Sequence[str], positions: np.ndarray, p4: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Those columns of :data:`NODE_INPUTS` that are asked for and known.

    Args:
        names: features, ``raw`` or ``raw:transform``.
        positions: float32 (n, 2), of :func:`places`.
        p4: float32 (n, 4), of :func:`bounded_momenta`; None where momenta are not known.

    Returns:
        float32 (n,) by raw name.
    """
    known = {"points": None if np.isnan(positions).any() else positions, "p4": p4}
    columns = {
        feature.raw: values[:, i]
        for name, values in known.items()
        if values is not None
        for i, feature in enumerate(NODE_INPUTS[name])
    }
    return {raw: columns[raw] for raw in (name.partition(":")[0] for name in names) if raw in columns}


def with_node_inputs(preprocess: Preprocess, names: Collection[str]) -> Preprocess:
    """A recipe whose ``x`` has the columns of further inputs too.

    Args:
        preprocess: of a model, perhaps with these columns already.
        names: of :data:`NODE_INPUTS`.

    Returns:
        The recipe with the columns that it lacked, in the order of :data:`NODE_INPUTS`. Without masses in the sample
        of the training that of ``p4`` stays 0, so that no other sample's are used.
    """
    norm = preprocess.node_features
    there = {feature.raw for feature in norm.features}
    wanted = [feature for name, of in NODE_INPUTS.items() if name in names for feature in of]
    more = _exact([feature for feature in wanted if feature.raw not in there])
    if not preprocess.extra.get(MASSIVE):
        kept = np.array([feature.raw != "p4.mass" for feature in more.features])
        more = replace(more, lower=more.lower * kept, upper=more.upper * kept)
    parts = {
        name: np.concatenate([getattr(norm, name), getattr(more, name)]).astype(np.float32)
        for name in ("median", "norm_factor", "lower", "upper", "replace")
    }
    return replace(preprocess, node_features=Normalisation((*norm.features, *more.features), **parts))


def _exact(features: Sequence[Feature]) -> Normalisation:
    """The normalisation that leaves columns of :data:`NODE_INPUTS` as they are, within their bounds."""
    upper = np.array([_BOUNDS[feature.raw] for feature in features], np.float32)
    lower = -upper * np.array([feature.raw != "p4.pt" for feature in features])
    zeros = np.zeros(len(features), np.float32)
    return Normalisation(tuple(features), zeros, zeros + 1, lower, upper, zeros)
