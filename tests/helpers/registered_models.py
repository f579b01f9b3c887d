"""Every model of the library with small settings and random parameters, as a Keras file of a user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.models import MODELS, Head

# name in MODELS -> interface, oldest release, graph-level features, settings, outputs
CASES: dict[str, tuple[str, str, int, dict[str, Any], Any]] = {
    "gat_cheb": (
        "padded",
        "12_4",
        0,
        {"channels": (4, 8), "heads": (1, 2), "cheb_channels": (8,), "dense": (4,)},
        {"tau": Head(), "kind": Head("multiclass", 3), "pt": Head("regression")},
    ),
    "particle_net": ("edges", "12_4", 2, {"k": 2, "channels": ((4, 4),), "dense": (4,)}, 1),
    "particle_net_lite": (
        "padded",
        "12_4",
        0,
        {"k": 3, "channels": ((4,), (4, 6)), "dense": (4,), "coordinates": (1, 2)},
        1,
    ),
    "particle_attention": (
        "padded",
        "12_4",
        2,
        {
            "width": 8,
            "heads": 2,
            "blocks": 1,
            "embed": (4,),
            "pair_embed": (4,),
            "pairs": "features",
            "pair_columns": (0, 3, 4),
            "pair_median": (0.0,) * 3,
            "pair_norm": (1.0, 5.0, 5.0),
        },
        1,
    ),
    "deep_sets": ("edges", "13_1", 0, {"phi": (4,), "dense": (4,), "pool": "max"}, 2),
    "detector_net": (
        "edges",
        "13_1",
        2,
        {
            "width": 6,
            "embed": (5,),
            "message": (6, 4),
            "update": (4,),
            "phi": 6,
            "dense": (4,),
            "layout": "edges",
            "columns": (3, 4, 1, 0, 2, 5, 0),
            "median": (0.0, 0.0, 0.0, 0.4, 0.4, 0.3, 0.2),
            "norm_factor": (10.0, 10.0, 1.0, 1.0, 1.0, 1.0, 2.0),
        },
        1,
    ),
    "level2_cnn": (
        "padded",
        "12_4",
        2,
        {
            "pointwise": (4,),
            "filters": (3, 4),
            "dense": (4,),
            "columns": (3, 4, 1, 0, 5, 2, 1, 3, 4, 5, 0, 1, 2),
            "median": (0.0, 0.0, 1.0, 1.0, 0.0, 0.2, 3.0, 0.0, 0.0, 0.4, 0.4, 0.3, 0.4),
            "norm_factor": (10.0, 10.0, 1.0, 1.0, 1.0, 2.0, 0.5, 20.0, 5.0, 1.0, 1.0, 1.0, 1.0),
        },
        1,
    ),
    "graph_net": (
        "padded",
        "12_4",
        0,
        {"units": 4, "node_layers": 1, "convolutions": 1, "dense_layers": 1},
        1,
    ),
    "gcn_belle": (
        "edges",
        "13_1",
        0,
        {"units": 4, "embedding": 2, "kinds": 5, "node_layers": 1, "convolutions": 1, "dense_layers": 1},
        1,
    ),
    "fcn": ("tensors", "12_4", 1, {"layers": 1, "units": 4}, 1),
    "egamma_hybrid": ("tensors", "12_4", 0, {"filters": 2, "dense": 4}, 1),
    "quark_gluon_cnn": (
        "tensors",
        "12_4",
        2,
        {"size": (8, 8), "filters": (2, 4), "depth": 1, "globals_units": 2, "dense": (4,)},
        1,
    ),
    "event_images": ("tensors", "12_4", 0, {"size": (32, 32), "backbone": "efficientnetb2"}, 3),
}


def small_efficientnet(**options: Any) -> Any:
    """EfficientNet with two of its seven kinds of blocks, once each: the same operations in a tenth of the time."""
    from keras.src.applications.efficientnet import DEFAULT_BLOCKS_ARGS, EfficientNet

    return EfficientNet(0.3, 0.1, 32, blocks_args=DEFAULT_BLOCKS_ARGS[:2], **options)


def write_model(folder: Path, name: str, outputs: Any = None, **more: Any) -> Path:
    """A ``.keras`` file with random weights, and beside it what a graph model's inputs are.

    ``outputs`` are those of the case where there are none, ``more`` are settings.
    """
    import keras

    from e2e_tf.data.features import CANDIDATE_FEATURES, JET_FEATURES
    from e2e_tf.data.preprocess import Normalisation, Preprocess
    from e2e_tf.models import build_model

    _, _, n_globals, settings, usual = CASES[name]
    outputs, settings = usual if outputs is None else outputs, settings | more
    keras.utils.set_random_seed(0)
    model = build_model(name, 3 if MODELS[name].inputs == "image" else 6, n_globals, settings, outputs)
    rng = np.random.default_rng(0)
    for weight in model.weights:  # biases and moving statistics as training leaves them
        if "seed" not in weight.path and len(weight.shape) == 1:
            weight.assign(np.asarray(weight) + rng.uniform(0, 0.3, weight.shape))
    model.save(folder / "mine.keras")
    if MODELS[name].inputs == "graph":

        def norm(features: Any) -> Normalisation:
            return Normalisation.fit(features, np.zeros((0, len(features)), np.float32))

        jet = norm(JET_FEATURES[:n_globals]) if n_globals else None
        recipe = Preprocess("candidates", "knn:3", norm(CANDIDATE_FEATURES[:6]), jet, max_nodes=12)
        recipe.write(folder / "preprocess.json")
    return folder / "mine.keras"
