"""What is trained: every row of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from e2e_tf.config import RunConfig, make_config, read_toml

SAMPLE = "wtau.h5"
SETTINGS = Path(__file__).parents[2] / "benchmarks" / "pretrained.toml"
"""The configuration of the network that ships, which the other networks change."""
SPLIT = (0.75, 0.1, 0.15)
SPLIT_SEED = 1


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        model, training: entries of the sections that differ from :data:`SETTINGS`.
        trees: what boosted trees see: ``detector`` or ``particle_flow``; empty for a network.
        jets: of the training part, 0 for all.
    """

    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    trees: str = ""
    jets: int = 0

    def config(self, seed: int) -> RunConfig:
        """The configuration that ``e2e-tf fit`` takes, for trees one whose parts of the sample are the same."""
        document = read_toml(SETTINGS)
        document["model"] |= dict(self.model)
        document["training"] |= dict(self.training)
        document["data"] |= {"sample": sample_name(self.jets), "split": list(SPLIT), "split_seed": SPLIT_SEED}
        document["seed"] = seed
        if self.trees:
            document["graph"]["edges"] = "knn:1"
            document["model"] = {"name": "deep_sets"}
            document["training"].pop("mirror")
            if self.trees == "particle_flow":
                document["graph"] = {"nodes": "candidates", "edges": "knn:1", "node_features": ["pt"]}
                document["data"]["options"] = {"candidates": "particle_flow"}
        return make_config(document, str(SETTINGS))


def sample_name(jets: int) -> str:
    """The file whose training part has so many jets."""
    return f"{Path(SAMPLE).stem}-{jets}.h5" if jets else SAMPLE


SHIPPED = "detector_net with masses of groups, as it ships"
REFERENCE = "boosted trees, detector objects"
CURVE = (5000,)
"""Jets of the training part of the learning curves, beside all."""
WIDE = {
    "width": 96,
    "blocks": 3,
    "embed": [128],
    "message": [96],
    "update": [96],
    "context": 32,
    "phi": 192,
    "dropout": 0.2,
}
_PLAIN: Mapping[str, Any] = {"groups": 0}
_SHORTER: Mapping[str, Any] = {"epochs": 12, "learning_rate": 2e-3, "ema_momentum": 0.0}
_LEARNING: Mapping[str, Mapping[str, Any]] = {
    REFERENCE: {"trees": "detector"},
    "detector_net": {"model": _PLAIN, "training": _SHORTER},
    SHIPPED: {"training": {"ema_momentum": 0.98}},  # fewer steps
}
ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "boosted trees, particle flow": Row(trees="particle_flow"),
        REFERENCE: Row(trees="detector"),
        "detector_net": Row(_PLAIN, _SHORTER),
        "detector_net, trained on": Row(
            _PLAIN,
            _SHORTER
            | {
                "start": "runs/detector-net-1",
                "epochs": 11,
                "learning_rate": 1.5e-3,
                "warmup_epochs": 0.3,
            },
        ),
        "detector_net, wide": Row(_PLAIN | WIDE, _SHORTER | {"weight_decay": 0.02}),
        SHIPPED: Row(),
        **{
            f"{name}, {jets:,} jets": Row(**options, jets=jets)
            for jets in CURVE
            for name, options in _LEARNING.items()
        },
    }
)
"""Rows by name; the last ones make the learning curves."""
