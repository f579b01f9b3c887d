"""Mirror images of jets: what a jet would have been with η or φ reversed.

Proton–proton collisions and the detector look the same with the beams exchanged (η, z → −η, −z), and with φ → −φ when
charges change sign too, since then tracks bend the other way. A training that draws one of the four images of a jet in
each epoch therefore has four times the jets, and a model that has learnt the symmetry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from e2e_tf.data.content import CONTENT_INPUT
from e2e_tf.data.detector_features import DETECTOR_FEATURES
from e2e_tf.data.features import CANDIDATE_FEATURES, HIT_FEATURES, JET_FEATURES, Feature
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch

__all__ = ["UNCHANGED", "Mirror", "odd_targets"]

_TABLES = (CANDIDATE_FEATURES, HIT_FEATURES, DETECTOR_FEATURES, JET_FEATURES)
_MIRRORS: Mapping[str, str] = {feature.raw: feature.mirror for table in _TABLES for feature in table} | {
    "phi": "phi",
    "rho": "",
    "n_vertices": "",
}
_NODES = ("points",)  # (Δη, Δφ) of each node
UNCHANGED = (CONTENT_INPUT,)
"""Inputs of whole jets that a mirror leaves as they are; how others change is not known."""


@dataclass(frozen=True)
class Mirror:
    """Mirrors normalised graphs in η, in φ, in both or not, by chance for each.

    A normalised column c that changes sign becomes −c − 2 median norm_factor, which is the normalised value of −raw, as
    transforms of such columns are odd.

    Attributes:
        x: bool (2, F), the columns of nodes that change sign in η and in φ.
        x_shift: float32 (F,), 2 median norm_factor.
        u: bool (2, G), the same for columns of jets.
        u_shift: float32 (G,).
    """

    x: np.ndarray
    x_shift: np.ndarray
    u: np.ndarray
    u_shift: np.ndarray

    @classmethod
    def of(cls, preprocess: Preprocess) -> Mirror:
        """The mirror of the inputs of a run.

        Args:
            preprocess: of the run.

        Returns:
            The mirror.

        Raises:
            InputError: it is not known how an input changes.
        """
        x, x_shift = _signs(preprocess.node_features)
        jets = preprocess.jet_features
        u, u_shift = (np.zeros((2, 0), bool), np.zeros(0, np.float32)) if jets is None else _signs(jets)
        return cls(x, x_shift, u, u_shift)

    def __call__(
        self, batch: GraphBatch, nodes: Mapping[str, np.ndarray], rng: np.random.Generator
    ) -> tuple[GraphBatch, dict[str, np.ndarray]]:
        """Each graph as it is or mirrored.

        Args:
            batch: graphs with normalised ``x`` and ``u``.
            nodes: further quantities of the nodes by name, float32 (n, width).
            rng: chooses.

        Returns:
            New graphs, with the same edges, and new quantities.

        Raises:
            InputError: one of ``nodes`` is not known, or edges have features.
        """
        unknown = [name for name in nodes if name not in _NODES]
        if unknown or batch.edge_features is not None:
            raise InputError(
                f"training.mirror does not know how {unknown[0] if unknown else 'edge_features'} changes; models that "
                "take it are trained without"
            )
        of_graph = rng.random((batch.n_graph, 2)) < 0.5
        of_node = np.repeat(of_graph, batch.n_node, axis=0)
        x = _mirrored(batch.x, of_node, self.x, self.x_shift)
        u = None if batch.u is None else _mirrored(batch.u, of_graph, self.u, self.u_shift)
        sign = np.where(of_node, np.float32(-1), np.float32(1))
        return replace(batch, x=x, u=u), {name: values * sign for name, values in nodes.items()}


def _signs(inputs: Normalisation) -> tuple[np.ndarray, np.ndarray]:
    mirrors = [_mirror_of(feature) for feature in inputs.features]
    odd = np.array([[name in mirror.split("+") for mirror in mirrors] for name in ("eta", "phi")], bool)
    return odd.reshape(2, len(mirrors)), (2 * inputs.median * inputs.norm_factor).astype(np.float32)


def _mirror_of(feature: Feature) -> str:
    if feature.raw not in _MIRRORS:
        raise InputError(
            f"training.mirror does not know how the input {feature.raw!r} changes when η or φ is reversed; "
            f"known are {', '.join(sorted(_MIRRORS))}"
        )
    mirror = _MIRRORS[feature.raw]
    if mirror and feature.transform not in ("identity", "signed_log1p", "tanh"):
        raise InputError(
            f"training.mirror needs an odd transform of {feature.raw!r} (identity, signed_log1p, tanh), not "
            f"{feature.transform!r}"
        )
    return mirror


def _mirrored(values: np.ndarray, chosen: np.ndarray, odd: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """``values`` (n, F) with the columns ``odd`` (2, F) reversed in the rows ``chosen`` (n, 2)."""
    reverse = (chosen[:, :1] & odd[0]) ^ (chosen[:, 1:] & odd[1])
    return np.where(reverse, -values - shift, values).astype(np.float32)


def odd_targets(columns: Sequence[str]) -> list[str]:
    """Columns of truth that change sign in a mirror, such as ``visible_eta``.

    Args:
        columns: names.

    Returns:
        Those of them whose last word is a quantity that changes sign.
    """
    return [name for name in columns if _MIRRORS.get(name) or _MIRRORS.get(name.rsplit("_", 1)[-1])]
