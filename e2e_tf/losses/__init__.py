"""Losses beyond Keras' own. Importing this module registers them, so that saved models load in safe mode."""

from __future__ import annotations

from e2e_tf.losses.distance_correlation import DistanceCorrelation, distance_correlation
from e2e_tf.losses.object_condensation import ObjectCondensation, object_condensation

__all__ = ["DistanceCorrelation", "ObjectCondensation", "distance_correlation", "object_condensation"]
