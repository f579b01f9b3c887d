"""Writes the ONNX files and input tensors that run.py times on a GPU; needs TensorFlow, but no GPU.

    python benchmarks/gpu/make_models.py [FOLDER [NAME ...]]

FOLDER is ``build/gpu`` unless given. For each model: ``NAME.onnx``, what ``e2e-tf export`` writes in the padded
interface, ``NAME_fused.onnx`` where it has attention (``--fused-attention``, for release 14_1), and ``NAME.npz`` with
the input tensors of 256 random jets and the scores that ONNX Runtime gives on the processor.

- ``gat_cheb``: default settings, 17 features, 8 neighbours, up to 120 nodes.
- ``tau_candidates``: the tagger that comes with the package, up to 50 candidates.
- ``particle_attention``: 2.1 million parameters (width 128, 8 heads, 8 blocks, 2 class blocks), 128 candidates.

The parameters of the first and the last are random: a time does not depend on them, and their scores are compared all
the same.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

ROOT = Path(__file__).parents[2]
JETS = 256
SLICE = 4  # jets scored at a time here: pairs of 128 nodes take memory
SHIPPED = "tau_candidates"
# name -> settings, edges, nodes at most
MODELS: dict[str, tuple[dict[str, Any], str, int]] = {
    "gat_cheb": ({}, "knn:8", 120),
    "particle_attention": (
        {
            "pairs": "features",
            "width": 128,
            "heads": 8,
            "blocks": 8,
            "class_blocks": 2,
            "feed_forward": 4,
            "embed": (128, 512),
            "pair_embed": (64, 64, 64),
        },
        "full",
        128,
    ),
}


def preprocess(edges: str, nodes: int) -> Any:
    """Inputs of a model on candidates; the normalisation is that of standard normal features."""
    from e2e_tf.deploy.bundle import read_bundle_preprocess

    shipped = read_bundle_preprocess(next(ROOT.glob(f"deploy/*/{SHIPPED}")))
    return dataclasses.replace(shipped, edges=edges, max_nodes=nodes)


def tensors(infos: list[dict[str, Any]], nodes: int, seed: int) -> dict[str, np.ndarray]:
    """Random tensors of the padded interface: jets of half to all of the nodes."""
    random = np.random.default_rng(seed)
    n_node = random.integers(nodes // 2, nodes + 1, JETS)
    mask = (np.arange(nodes) < n_node[:, None])[:, None].astype(np.float32)
    made: dict[str, np.ndarray] = {}
    for info in infos:
        rows = info["shape"][1]
        if info["name"] == "mask":
            made["mask"] = mask
        elif info["name"] == "u":
            made["u"] = random.normal(size=(JETS, rows, 1)).astype(np.float32)
        else:
            scale = 0.3 if info["name"] == "points" else 1.0
            made[info["name"]] = (scale * random.normal(size=(JETS, rows, nodes))).astype(np.float32) * mask
    return made


def main(folder: Path, names: list[str]) -> None:
    import keras
    import onnxruntime

    from e2e_tf.deploy.export import export
    from e2e_tf.models import build_model, fill_settings

    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        with tempfile.TemporaryDirectory() as place:
            work = Path(place)
            if name == SHIPPED:
                bundle, nodes = next(ROOT.glob(f"deploy/*/{SHIPPED}")), 50
            else:
                settings, edges, nodes = MODELS[name]
                recipe = preprocess(edges, nodes)
                features, globals_ = len(recipe.node_features.features), len(recipe.jet_features.features)
                keras.utils.set_random_seed(seed)
                settings = fill_settings(name, settings, recipe)
                model = build_model(name, n_features=features, n_globals=globals_, settings=settings)
                print(f"{name}: {model.count_params()} parameters")
                recipe.write(work / "preprocess.json")
                model.save(work / f"{name}.keras")
                bundle = export(
                    work / f"{name}.keras",
                    work / "bundle",
                    cmssw="14_1",
                    formats=["onnx"],
                    fused_attention=name == "particle_attention",
                    proof=0,
                )
            infos = json.loads((bundle / "manifest.json").read_text("utf-8"))["inputs"]
            feeds = tensors(infos, nodes, seed)
            (folder / f"{name}.onnx").write_bytes((bundle / "model.onnx").read_bytes())
            if (bundle / "model_fused.onnx").is_file():
                (folder / f"{name}_fused.onnx").write_bytes((bundle / "model_fused.onnx").read_bytes())
            session = onnxruntime.InferenceSession(str(bundle / "model.onnx"))
            parts = [{k: v[i : i + SLICE] for k, v in feeds.items()} for i in range(0, JETS, SLICE)]
            score = np.concatenate([session.run(None, part)[0] for part in parts])
            np.savez_compressed(folder / f"{name}.npz", score=score, **feeds)
            size = (folder / f"{name}.onnx").stat().st_size / 1e6
            print(f"{name}: {size:.1f} MB, scores {score.min():.4f} to {score.max():.4f}")


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "gpu", sys.argv[2:] or [*MODELS, SHIPPED]
    )
