"""From a configuration to the three splits, the same in every command that needs them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.config import RunConfig
from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.data.samples import SAMPLES, sample_path
from e2e_tf.errors import InputError
from e2e_tf.files import sha256
from e2e_tf.progress import status
from e2e_tf.training.splits import PtReweighting, class_weights, split_by_event

__all__ = ["Prepared", "Split", "load_jets", "prepare"]


@dataclass(frozen=True)
class Split:
    """One part of the data: jets, their graphs (normalised) and the weights that training uses."""

    jets: Jets
    graphs: GraphData
    weight: np.ndarray

    @property
    def label(self) -> np.ndarray:
        assert self.jets.label is not None  # prepare() refuses a sample without
        return self.jets.label


@dataclass(frozen=True)
class Prepared:
    """The splits of a run, what normalises them and where they come from."""

    train: Split
    validation: Split
    test: Split
    preprocess: Preprocess
    reweighting: PtReweighting | None
    source: dict[str, Any]


def load_jets(sample: str, reader: str = "", base: Path | None = None) -> tuple[Jets, dict[str, Any]]:
    """Jets of a shipped sample or of a file, and what identifies them.

    Args:
        sample: a name in :data:`SAMPLES` or a path, relative to ``base``.
        reader: a name in :data:`e2e_tf.data.readers.READERS`; empty recognises the format.

    Raises:
        InputError: there is no such sample, or it cannot be read.
    """
    path = sample_path(sample) if sample in SAMPLES else (base or Path()) / sample
    if not path.is_file():
        raise InputError(
            f"there is no sample {path}; data.sample takes a path or one of {', '.join(SAMPLES)}"
        )
    if reader in ("", "jets") and _is_jets(path):
        jets = read_jets(path)
    else:
        from e2e_tf.data.readers import open_reader

        read = open_reader(path, reader or None).read()
        if not isinstance(read, Jets):
            raise InputError(f"{path} holds images; graphs need jets with hits or candidates")
        jets = read
    return jets, {"sample": sample, "file": path.name, "sha256": sha256(path)}


def _is_jets(path: Path) -> bool:
    """True for this library's own format, and for damage that its reader explains best."""
    import h5py

    try:
        with h5py.File(path) as file:
            return "format" in file.attrs
    except OSError:
        return path.suffix in (".h5", ".hdf5")


def prepare(config: RunConfig, base: Path | None = None) -> Prepared:
    """Read, select, split, build graphs, normalise and weight.

    The normalisation and the pT weights are fitted on the training part only.

    Raises:
        InputError: the sample cannot be used; the message says why.
    """
    data = config.data
    with status(f"Reading {data.sample}"):
        jets, source = load_jets(data.sample, data.reader, base)
    if jets.label is None:
        raise InputError(f"{data.sample} has no labels; training needs jets with truth")
    if data.jet_pt is not None:
        low, high = data.jet_pt
        jets = jets.take((jets.jets["pt"] >= low) & (jets.jets["pt"] < high))
    signal = int(np.sum(jets.label == 1))
    for name, count in (("signal", signal), ("background", len(jets) - signal)):
        if not count:
            raise InputError(
                f"{data.sample} has no {name} (label {int(name == 'signal')}) among its {len(jets)} jets"
            )
    parts = split_by_event(jets.event, data.split, config.seed)
    recipe = GraphRecipe(**config.graph.model_dump())
    with status(f"Building {len(jets)} graphs ({recipe.nodes}, {recipe.edges})"):
        graphs = build_graphs(jets, recipe)
        split_graphs = [graphs.take(part) for part in parts]
    preprocess = split_graphs[0].fit_preprocess(recipe)
    reweighting = None
    split_jets = [jets.take(part) for part in parts]
    base_weights = [j.weight if data.use_event_weights else np.ones(len(j), np.float32) for j in split_jets]
    train = split_jets[0]
    assert train.label is not None
    if data.reweight_pt:
        reweighting = PtReweighting.fit(train.jets["pt"], train.label, data.pt_bins, base_weights[0])
    factors = class_weights(train.label, base_weights[0])
    splits = []
    for part_jets, part_graphs, weight in zip(split_jets, split_graphs, base_weights, strict=True):
        assert part_jets.label is not None
        if reweighting is not None:
            weight = reweighting.weights(part_jets.jets["pt"], part_jets.label, weight)
        else:
            weight = weight * np.where(part_jets.label == 1, factors[1], factors[0]).astype(np.float32)
        splits.append(Split(part_jets, part_graphs.normalised(preprocess), weight.astype(np.float32)))
    counts = {
        name: {"jets": len(s.jets), "signal": int(s.label.sum())}
        for name, s in zip(("train", "validation", "test"), splits, strict=True)
    }
    first, second, third = splits
    return Prepared(first, second, third, preprocess, reweighting, {**source, "splits": counts})
