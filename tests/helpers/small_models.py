"""A small form of every graph model, with every kind of layer of the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.models import Head, build_model

F, G = 6, 2
# Small enough to be quick, with every kind of layer of the model.
FEATURES = {
    "pairs": "features",
    "pair_columns": [1, 0, 3],
    "pair_median": [0.2, 0.0, 0.1],
    "pair_norm": [2.0, 5.0, 4.0],
}
OBJECTS = {
    "columns": [0, 1, 2, 3, 4, 5, 0],
    "median": [0.0, 0.01, 0.5, 0.5, 0.3, 0.2, 0.4],
    "norm_factor": [10.0, 8.0, 1.5, 1.0, 1.0, 2.0, 1.0],
}
CELLS = {
    "columns": [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0],
    "median": [0.02, -0.03, 0.5, 0.4, 0.3, 0.2, 3.1, 0.0, 0.1, 0.5, 0.5, 0.4, 0.6],
    "norm_factor": [5.0, 6.0, 2.0, 1.5, 1.0, 3.0, 0.5, 20.0, 2.0, 1.0, 1.0, 2.0, 1.0],
}
SMALL: dict[str, dict[str, Any]] = {
    "gat_cheb": {"channels": [4, 8], "heads": [1, 2], "cheb_channels": [8], "dense": [8]},
    "particle_net": {"k": 3, "channels": [[8, 8], [8]], "dense": [8]},
    "particle_net_lite": {"k": 3, "channels": [[8, 8], [8]], "dense": [8]},
    "particle_attention": {"width": 8, "heads": 2, "blocks": 1, "embed": [8], "dense": [8]},
    "deep_sets": {"phi": [8, 8], "dense": [8]},
    "detector_net": {
        "width": 8,
        "embed": [8],
        "message": [8, 6],
        "context": 4,
        "update": [8],
        "phi": 8,
        "dense": [8],
        **OBJECTS,
    },
    "level2_cnn": {"pointwise": [6, 4], "filters": [5], "dense": [12], **CELLS},
    "graph_net": {"units": 8, "node_layers": 1, "convolutions": 2, "dense_layers": 2},
    "gcn_belle": {"units": 8, "kinds": 5, "embedding": 3},
}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "gat_cheb on edges": ("gat_cheb", {"layout": "edges", "pooling": "attention+max+mean+sum"}),
    "particle_net in columns": ("particle_net", {"coordinates": [0, 1]}),
    "particle_attention with mean": ("particle_attention", {"class_blocks": 0}),
    "particle_attention with sum": ("particle_attention", {"class_blocks": 0, "pooling": "sum"}),
    "particle_attention in columns": ("particle_attention", {"pairs": [0, 1, 2, 3], "couplings": True}),
    "particle_attention in features": ("particle_attention", FEATURES),
    "particle_attention, relative": ("particle_attention", FEATURES | {"relative": True}),
    "particle_attention as published": ("particle_attention", FEATURES | {"variant": "published"}),
    "particle_attention as published, mean": (
        "particle_attention",
        {"variant": "published", "class_blocks": 0},
    ),
    "detector_net in blocks": ("detector_net", {"layout": "blocks", "aggregate": "max"}),
    "detector_net without kinds": ("detector_net", {key: [] for key in OBJECTS}),
    "deep_sets with max": ("deep_sets", {"pool": "max"}),
}
ALL = {name: (name, {}) for name in SMALL} | VARIANTS
HEADS = {
    "score": Head(),
    "mode": Head("multiclass", 3),
    "visible_pt": Head("regression", hidden=(4,)),
    "node": Head("binary", 2, "node"),
    "edge": Head("binary", 1, "edge"),
}


def small(which: str, outputs: Any = 1) -> Any:
    name, changes = ALL[which]
    model = build_model(name, F, G, SMALL[name] | changes, outputs)
    rng = np.random.default_rng(7)
    for weight in model.weights:  # biases and normalisations away from 0 and 1, where errors hide
        if "seed" not in weight.path and "variance" not in weight.path:
            weight.assign(weight.numpy() + rng.normal(0, 0.1, weight.shape))
    return model


def features(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The last column as a kind of particle, which gcn_belle needs and others take as it is."""
    batch["x"][:, -1] = np.arange(len(batch["x"])) % 5
    return batch
