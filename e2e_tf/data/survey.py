"""What one reading of all graphs that stay on disk has told of them, also for other processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from e2e_tf.data.features import Feature
from e2e_tf.data.preprocess import Preprocess

__all__ = ["Survey"]


@dataclass(frozen=True)
class Survey:
    """What one reading of all graphs has told of them.

    Attributes:
        prints: uint64 (B,), see :func:`e2e_tf.data.duplicates.fingerprints`.
        u: float32 (B, G), transformed, or None.
        node_features, jet_features: what the columns of ``x`` and ``u`` are.
        placed: whether every node has a place in η and φ.
        together: how many pieces are shuffled together.
    """

    prints: np.ndarray
    u: np.ndarray | None
    node_features: tuple[Feature, ...]
    jet_features: tuple[Feature, ...]
    placed: bool
    together: int

    def take(self, index: np.ndarray) -> Survey:
        """The given graphs in the given order.

        Args:
            index: int (k,).

        Returns:
            What is known of these graphs.
        """
        return replace(self, prints=self.prints[index], u=None if self.u is None else self.u[index])

    def arrays(self) -> dict[str, np.ndarray]:
        """Every entry but the features by name, for files; :meth:`of` makes the same survey from them.

        Returns:
            Arrays by name.
        """
        found = {"prints": self.prints, "placed": np.array(self.placed), "together": np.array(self.together)}
        return found if self.u is None else {**found, "u": self.u}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], preprocess: Preprocess) -> Survey:
        """A survey from what :meth:`arrays` gave.

        Args:
            arrays: by name, as in files.
            preprocess: of the same graphs, which has their features.

        Returns:
            The survey.
        """
        of_jets = preprocess.jet_features
        return cls(
            arrays["prints"],
            arrays.get("u"),
            tuple(preprocess.node_features.features),
            () if of_jets is None else tuple(of_jets.features),
            bool(arrays["placed"]),
            int(arrays["together"]),
        )
