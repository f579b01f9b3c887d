"""What is trained: every row of the tables, with its inputs and settings.

The budget is the same for all: :data:`EPOCHS` epochs over the same training jets, one thread. Settings that a model
came with (``gat_cheb`` as it was published, the tuned one of ``docs/tuning.md``) stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from e2e_tf.config import RunConfig, make_config
from e2e_tf.models import RUNS
from studies.tau.samples import ALL, AUGMENTED, MIXTURE, PILEUP, QUARK_GLUON, SPLIT, pileup_sample

EPOCHS = 10
PT_BINS = (10, 15, 20, 25, 30, 35, 40, 45, 50)  # GeV

HITS = 80  # the leading ones: with 20 or 40 collisions a jet has 220 or more
_BEST = RUNS["tau_candidates"]
_JET = ("pt", "mass", "eta")
_HITS = {"nodes": "hits", "edges": "knn:8", "jet_features": _JET, "max_nodes": HITS}
_CANDIDATES = {**_BEST["graph"], "edges": "knn:8", "jet_features": _JET}
_ADAM = {**_BEST["training"], "epochs": EPOCHS}
_ATTENTION = {
    "name": "particle_attention",
    "width": 64,
    "heads": 4,
    "blocks": 3,
    "class_blocks": 1,
    "pairs": "features",
    "relative": True,
    "pair_embed": (16, 16),
    "dense": (64,),
    "dropout": 0.1,
}
_SEED = {"epochs": EPOCHS, "batch_size": 64, "optimizer": "rmsprop", "learning_rate": 1e-3}
_TUNED = RUNS["tau_tuned"]


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        graph, model, training: sections of the configuration; ``model`` is empty for boosted trees.
        inputs: ``hits``, ``candidates`` or ``both``.
        seeds: of the initial parameters and the order of the jets; the split is the same for all.
        sample: what it is trained on; all are evaluated on the test part of :data:`ALL`.
        image: side of the image in crystals, for models on images.
        flat: a jet column, whose distance correlation with the score of background is added to the loss.
        strength: factor of that; without ``flat``, of the reversed gradient of a network that tells the pileup.
        start: a sample on which the model is trained first, for as many epochs.
        members: rows and seeds of trainings whose mean score this is; nothing is trained.
    """

    graph: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    inputs: str = "candidates"
    seeds: int = 3
    sample: str = ALL
    image: int = 0
    flat: str = ""
    strength: float = 0.0
    start: str = ""
    members: tuple[tuple[str, int], ...] = ()

    def config(self, seed: int) -> RunConfig:
        """The configuration that ``e2e-tf fit`` takes."""
        data = {
            "sample": self.sample,
            "split": SPLIT,
            "split_seed": 1,
            "pt_bins": PT_BINS,
        }
        sections = {"graph": dict(self.graph), "model": dict(self.model), "training": dict(self.training)}
        return make_config({"seed": seed, "data": data, **{k: v for k, v in sections.items() if v}})


def _deep_sets(
    graph: Mapping[str, Any] = MappingProxyType({}),
    model: Mapping[str, Any] = MappingProxyType({}),
    training: Mapping[str, Any] = MappingProxyType({}),
    **options: Any,
) -> Row:
    """The preset with changes."""
    return Row(
        {**_CANDIDATES, "edges": "knn:2", **graph},
        {**_BEST["model"], **model},
        {**_ADAM, **training},
        **options,
    )


def _mean(*members: tuple[str, tuple[int, ...]]) -> Row:
    """The mean of trainings: rows with their seeds."""
    return Row(members=tuple((name, seed) for name, seeds in members for seed in seeds), seeds=1)


def _attention(**changes: Any) -> Row:
    # Attention needs no edges; two neighbours are the fewest that the loader carries along cheaply.
    graph = {**_CANDIDATES, "edges": "knn:2"}
    return Row(**{"graph": graph, "model": _ATTENTION, "training": _ADAM, **changes})


MAIN: dict[str, Row] = {
    "boosted trees, hits": Row(inputs="hits"),
    "boosted trees, candidates": Row(inputs="candidates"),
    "boosted trees, both": Row(inputs="both"),
    "gat_cheb as published, hits": Row(
        {**_HITS, "edges": "knn:8+delaunay", "jet_features": ("pt", "mass")},
        {"name": "gat_cheb"},
        _SEED,
        "hits",
    ),
    "gat_cheb as published, candidates": Row(
        {**_CANDIDATES, "edges": "knn:8+delaunay"}, {"name": "gat_cheb"}, _SEED
    ),
    "gat_cheb tuned, hits": Row(
        {**_HITS, "edges": _TUNED["graph"]["edges"]},
        _TUNED["model"],
        {**_TUNED["training"], "epochs": EPOCHS},
        "hits",
    ),
    "gat_cheb tuned, candidates": Row(
        {**_CANDIDATES, "edges": _TUNED["graph"]["edges"]},
        _TUNED["model"],
        {**_TUNED["training"], "epochs": EPOCHS},
    ),
    "ParticleNet-Lite, hits": Row({**_HITS, "edges": "knn:7"}, {"name": "particle_net_lite"}, _ADAM, "hits"),
    "ParticleNet-Lite, candidates": Row(
        {**_CANDIDATES, "edges": "knn:7"}, {"name": "particle_net_lite"}, _ADAM
    ),
    "particle attention, hits": Row(
        {**_HITS, "max_nodes": 64},
        {**_ATTENTION, "blocks": 2, "pairs": "graph", "relative": False},
        _ADAM,
        "hits",
    ),
    "particle attention, candidates": _attention(seeds=5),
    "deep sets, hits": Row({**_HITS, "edges": "knn:2"}, _BEST["model"], _ADAM, "hits"),
    "deep sets, candidates": _deep_sets(seeds=5),
    "CNN, images of hits": Row(
        {"nodes": "hits", "edges": "knn:1", "jet_features": _JET, "max_nodes": 1},
        {"name": "quark_gluon_cnn", "size": (64, 64), "filters": (32, 64, 128)},
        _ADAM,
        "hits",
        image=64,
    ),
}
"""The table of the study."""

CROSS: dict[str, Row] = {
    **{
        f"trained with pileup {pileup}": _attention(sample=pileup_sample(pileup), seeds=1)
        for pileup in PILEUP
    },
    "trained with a third of each": _attention(sample=MIXTURE, seeds=1),  # as many jets
}
"""Trained with one pileup, applied to all."""

FLAT: dict[str, Row] = {
    "flat in mass": _deep_sets(seeds=1, flat="mass", strength=3.0),
    "flat in mass, factor 30": _deep_sets(seeds=1, flat="mass", strength=30.0),
    "flat in pT": _deep_sets(seeds=1, flat="pt", strength=3.0),
    "flat in pT, factor 30": _deep_sets(seeds=1, flat="pt", strength=30.0),
    # With 0.5 the hidden units grow without bound, and training diverges.
    "pileup unlearned": _deep_sets(seeds=1, strength=0.05),
}
"""Decorrelation."""

_TWO = ("deep sets, candidates", "particle attention, candidates")
_RHO = "deep sets, ρ of the event as well"
TRIED: dict[str, Row] = {
    "deep sets, 40 epochs": _deep_sets(training={"epochs": 40}),
    "deep sets, two layers deeper": _deep_sets(model={"phi": (128,) * 5}, seeds=1),
    _RHO: _deep_sets(_BEST["graph"]),
    "deep sets, no impact parameters": _deep_sets(
        {"node_features": _CANDIDATES["node_features"][:-4]}, seeds=1
    ),
    "deep sets, no kinds of particles": _deep_sets(
        {"node_features": tuple(n for n in _CANDIDATES["node_features"] if not n.startswith("is_"))}, seeds=1
    ),
    "deep sets, a third of the jets": _deep_sets(sample=MIXTURE, seeds=1),
    "deep sets, augmented": _deep_sets(sample=AUGMENTED),
    "deep sets, first on quarks and gluons": _deep_sets(
        start=QUARK_GLUON, training={"learning_rate": 1e-3}, seeds=1
    ),
    "gat_cheb tuned, 4 neighbours": Row(
        {**_CANDIDATES, "edges": "knn:4"}, _TUNED["model"], {**_TUNED["training"], "epochs": EPOCHS}, seeds=1
    ),
    "attention, a sum in place of the class token": _attention(
        model={**_ATTENTION, "class_blocks": 0, "pooling": "sum", "blocks": 2}, seeds=1
    ),
    "ParticleNet, three blocks": Row(
        _CANDIDATES,
        {"name": "particle_net", "k": 8, "channels": ((32,) * 3, (64,) * 3, (128,) * 3)},
        _ADAM,
        seeds=1,
    ),
    "mean of three boosted trees": _mean(("boosted trees, candidates", (1, 2, 3))),
    "mean of three deep sets": _mean((_TWO[0], (1, 2, 3))),
    "mean of five deep sets": _mean((_TWO[0], (1, 2, 3, 4, 5))),
    "mean of three deep sets with ρ": _mean((_RHO, (1, 2, 3))),
    "mean of three attentions": _mean((_TWO[1], (1, 2, 3))),
    "mean of three of each": _mean((_TWO[0], (1, 2, 3)), (_TWO[1], (1, 2, 3))),
    "mean of three of each, deep sets with ρ": _mean((_RHO, (1, 2, 3)), (_TWO[1], (1, 2, 3))),
    "mean of five of each": _mean((_TWO[0], (1, 2, 3, 4, 5)), (_TWO[1], (1, 2, 3, 4, 5))),
}
"""What was tried, beside the budget of the table."""

ROWS = MAIN | CROSS | FLAT | TRIED
CHOSEN = "mean of three deep sets with ρ"
"""The row whose model becomes the bundle of the study."""
DETAILED = (*MAIN, CHOSEN)
"""What is evaluated in bins and under variations too."""


def slug(name: str) -> str:
    """A name for files."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def run_folder(samples: Path, name: str, seed: int) -> Path:
    """Where a training stays."""
    return samples / "runs" / f"{slug(name)}-{seed}"


def chosen_folder(samples: Path) -> Path:
    """Where the members of :data:`CHOSEN` stay as one model."""
    return samples / "runs" / "chosen"
