"""What is trained: every row of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from e2e_tf.config import RunConfig, make_config, read_toml
from e2e_tf.models import RUNS
from e2e_tf.models.level2_cnn import LEVEL2_COLUMNS
from studies.tau.rows import slug

SAMPLE, EVERYTHING = "wtau.h5", "wtau-all.h5"
SETTINGS = Path(__file__).parents[2] / "benchmarks" / "pretrained.toml"
"""The configuration of the network that ships, which the other networks change."""
SPLIT = (0.75, 0.1, 0.15)
SPLIT_SEED = 1
_TAU = RUNS["tau_candidates"]
CALLED: Mapping[str, str] = {"particle_flow": "particle flow", "perfect": "perfect particle flow"}
"""What candidates are called: reconstructed with mistakes, or the simulation's own particles."""


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        graph, model, training: entries of the sections that differ from :data:`SETTINGS`. A ``model`` with a name
            and a ``training`` with an optimizer are whole sections.
        trees: what boosted trees see: ``detector``, ``jet`` (detector objects without quantities of the event's chosen
            vertex), ``particle_flow`` or ``perfect`` (the simulation's own particles); empty for a network.
        candidates: what a network sees in place of detector objects: ``particle_flow`` or ``perfect``.
        jets: of the training part, 0 for all of the sample, :data:`LARGER` for more than those.
        mixed: trained on :data:`MIXED_SAMPLE`, with the weights of its column :data:`SHARE`.
    """

    graph: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    trees: str = ""
    candidates: str = ""
    jets: int = 0
    mixed: bool = False

    def config(self, seed: int) -> RunConfig:
        """The configuration that ``e2e-tf fit`` takes, for trees one whose parts of the sample are the same."""
        document = read_toml(SETTINGS)
        if self.candidates:
            document["graph"] = {**_TAU["graph"], "jet_features": document["graph"]["jet_features"]}
        document["graph"] |= dict(self.graph)
        document["model"] = ({} if "name" in self.model else document["model"]) | dict(self.model)
        document["training"] = ({} if "optimizer" in self.training else document["training"]) | dict(
            self.training
        )
        split = (
            {"split_column": PART}
            if self.jets == LARGER
            else {"split": list(SPLIT), "split_seed": SPLIT_SEED}
        )
        document["data"] = {"sample": sample_name(self.jets), **split}
        if self.mixed:
            # The weights hold the spectra of pT already.
            weights = {"weight": SHARE, "reweight_pt": False}
            document["data"] = {"sample": MIXED_SAMPLE, "split_column": PART, **weights}
        document["seed"] = seed
        if self.trees:
            document["graph"]["edges"] = "knn:1"
            document["model"] = {"name": "deep_sets"}
            for key in ("mirror", "auxiliary_loss"):
                document["training"].pop(key)
            if self.trees in CALLED:
                document["graph"] = {"nodes": "candidates", "edges": "knn:1", "node_features": ["pt"]}
        if "particle_flow" in (self.trees, self.candidates):
            document["data"]["options"] = {"candidates": "particle_flow"}
        return make_config(document, str(SETTINGS))


def sample_name(jets: int) -> str:
    """The file whose training part has so many jets."""
    return f"{Path(SAMPLE).stem}-{jets}.h5" if jets else SAMPLE


CURVE = (5000,)
"""Jets of the training part of the learning curves, beside all."""
ALL_JETS = 107_500
"""Jets of the larger simulation, which holds those of the sample."""
LARGER = 92_702
"""Jets of the training part with the others of the larger simulation; validation and test stay."""
PART = "part"
"""The column of the larger sample that says to which part a jet belongs."""
MIXED_SAMPLE = "wtau-mixed.h5"
"""The larger sample with jets of 5 to 50 GeV at three pileups against all backgrounds."""
SHARE = "share"
"""The column of that sample with what a jet counts, see :func:`studies.detector.mixed.shares`."""
GROUPS = "detector_net with masses of groups"
TOLD = "detector_net with masses and auxiliary loss"
SHIPPED = f"{TOLD}, {LARGER:,} jets"
REFERENCE = "boosted trees, detector objects"
LARGER_REFERENCE = f"{REFERENCE}, {LARGER:,} jets"
PERFECT_REFERENCE = "boosted trees, perfect particle flow"
OF_JETS = "boosted trees, without the event's vertex"
LARGER_OF_JETS = f"{OF_JETS}, {LARGER:,} jets"
MIXED_NETWORK = f"{TOLD}, all conditions"
MIXED_REFERENCE = f"{REFERENCE}, all conditions"
MIXED_OF_JETS = f"{OF_JETS}, all conditions"
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
_SHORTER: Mapping[str, Any] = {
    "epochs": 12,
    "learning_rate": 2e-3,
    "ema_momentum": 0.0,
    "auxiliary_loss": 0.0,
}
_ON: Mapping[str, Any] = {"learning_rate": 1.5e-3, "warmup_epochs": 0.3}
"""Of trainings that start from another."""
_TUNED = RUNS["tau_tuned"]
_ATTENTION: Mapping[str, Any] = {
    "name": "particle_attention",
    "width": 64,
    "heads": 4,
    "blocks": 3,
    "class_blocks": 1,
    "pairs": "features",
    "pair_embed": [16, 16],
    "dense": [64],
    "dropout": 0.1,
}
_OTHERS: Mapping[str, Row] = {
    # As in the demo without the Delaunay edges of both.
    "gat_cheb as published": Row(
        {"edges": "knn:8", "jet_features": ["pt", "mass"]},
        {"name": "gat_cheb"},
        {"epochs": 12, "batch_size": 64, "optimizer": "rmsprop", "learning_rate": 1e-3},
    ),
    "gat_cheb tuned": Row({"edges": "knn:12"}, _TUNED["model"], {**_TUNED["training"], "epochs": 12}),
    # Neither looks at edges; one neighbour is the least that a graph can have.
    "particle attention": Row({"edges": "knn:1"}, _ATTENTION, _SHORTER),
    "deep sets": Row({"edges": "knn:1"}, _TAU["model"], _SHORTER),
    "edge convolutions (ParticleNet-Lite)": Row({"edges": "knn:7"}, {"name": "particle_net_lite"}, _SHORTER),
    # All objects of the jet, as the trigger has them; its pixel clusters are in no cell.
    "convolutions on cells (CMS level 2)": Row(
        {
            "edges": "knn:1",
            "max_nodes": {"track": 0, "ecal": 0, "hcal": 0},
            "node_features": [raw for raw, _ in LEVEL2_COLUMNS],
            "jet_features": ["pt", "eta"],
        },
        {"name": "level2_cnn"},
        _SHORTER,
    ),
}
"""Networks of other makes on the same objects. ``gat_cheb`` keeps the training that it came with, for 12 epochs."""
_LEARNING: Mapping[str, Mapping[str, Any]] = {
    REFERENCE: {"trees": "detector"},
    "detector_net": {"model": _PLAIN, "training": _SHORTER},
    GROUPS: {"training": {"epochs": 14, "ema_momentum": 0.98, "auxiliary_loss": 0.0}},  # fewer steps
}
ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "boosted trees, particle flow": Row(trees="particle_flow"),
        REFERENCE: Row(trees="detector"),
        OF_JETS: Row(trees="jet"),
        **_OTHERS,
        PERFECT_REFERENCE: Row(trees="perfect"),
        # Neither looks at edges.
        **{
            f"{name}, {CALLED[kind]}": Row({"edges": "knn:1"}, model, _SHORTER, candidates=kind)
            for kind in CALLED
            for name, model in (("deep sets", _TAU["model"]), ("particle attention", _ATTENTION))
        },
        "detector_net": Row(model=_PLAIN, training=_SHORTER),
        "detector_net, trained on": Row(
            model=_PLAIN,
            training=_SHORTER | _ON | {"start": "runs/detector-net-1", "epochs": 11},
        ),
        "detector_net, wide": Row(model=_PLAIN | WIDE, training=_SHORTER | {"weight_decay": 0.02}),
        GROUPS: Row(training={"epochs": 14, "auxiliary_loss": 0.0}),
        TOLD: Row(training={"epochs": 14}),
        **{
            f"{name}, {jets:,} jets": Row(**options, jets=jets)
            for jets in CURVE
            for name, options in _LEARNING.items()
        },
        LARGER_REFERENCE: Row(trees="detector", jets=LARGER),
        LARGER_OF_JETS: Row(trees="jet", jets=LARGER),
        SHIPPED: Row(jets=LARGER),
        MIXED_REFERENCE: Row(trees="detector", mixed=True),
        MIXED_OF_JETS: Row(trees="jet", mixed=True),
        MIXED_NETWORK: Row(training=_ON | {"start": f"runs/{slug(SHIPPED)}-1", "epochs": 3}, mixed=True),
    }
)
"""Rows by name: of the sample, of the learning curves, and trained on all conditions."""
