"""What a tree ensemble reaches with hand-made features of the same hits, candidates or detector objects.

A graph network that does not beat this has learned nothing that a physicist would not have written down.
"""

from __future__ import annotations

from e2e_tf.training.baseline.candidates import candidate_features, summary_features
from e2e_tf.training.baseline.detector import detector_features
from e2e_tf.training.baseline.hits import hit_features
from e2e_tf.training.baseline.trees import baseline_score, train_baseline

__all__ = [
    "baseline_score",
    "candidate_features",
    "detector_features",
    "hit_features",
    "summary_features",
    "train_baseline",
]
