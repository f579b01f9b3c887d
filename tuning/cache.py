"""Graphs of a configuration, built once per sweep and read back by the trials that share them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.config import RunConfig
from e2e_tf.data.preprocess import Preprocess, read_preprocess
from e2e_tf.errors import InputError
from e2e_tf.files import new_folder, read_json, write_json
from e2e_tf.graph import GraphBatch
from e2e_tf.training.prepare import prepare

__all__ = ["Part", "TrialData", "trial_data"]

_COLUMNS = ("x", "senders", "receivers", "n_node", "n_edge", "edge_features", "u")


@dataclass(frozen=True)
class Part:
    """What training needs of a split: graphs (normalised), labels and weights."""

    graphs: GraphBatch
    label: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class TrialData:
    """The splits that a trial may see; the test part stays out of reach."""

    train: Part
    validation: Part
    preprocess: Preprocess
    source: dict[str, Any]
    reweighting: dict[str, Any] | None

    @property
    def widths(self) -> tuple[int, int]:
        """Numbers of node and of graph-level features."""
        u = self.train.graphs.u
        return self.train.graphs.x.shape[1], 0 if u is None else u.shape[1]


def trial_data(config: RunConfig, base: Path, folder: Path) -> TrialData:
    """The data of a configuration, from the cache in ``folder`` or built and put there.

    Raises:
        InputError: as :func:`e2e_tf.training.prepare.prepare`.
    """
    entry = folder / _key(config, base)
    if not entry.is_dir():
        _build(config, base, entry)
    return _load(entry)


def _key(config: RunConfig, base: Path) -> str:
    document = {
        "seed": config.seed,
        "data": config.data.model_dump(mode="json"),
        "graph": config.graph.model_dump(mode="json"),
        "base": str(base),
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def _build(config: RunConfig, base: Path, entry: Path) -> None:
    prepared = prepare(config, base)
    entry.parent.mkdir(exist_ok=True)
    try:
        with new_folder(entry) as part:
            for name, split in (("train", prepared.train), ("validation", prepared.validation)):
                columns = {key: getattr(split.graphs.batch, key) for key in _COLUMNS}
                columns |= {"label": split.label, "weight": split.weight}
                (part / name).mkdir()
                for key, values in columns.items():
                    if values is not None:
                        np.save(part / name / f"{key}.npy", values, allow_pickle=False)
            prepared.preprocess.write(part / "preprocess.json")
            reweighting = None if prepared.reweighting is None else prepared.reweighting.to_dict()
            write_json(part / "source.json", {"source": prepared.source, "reweighting": reweighting})
    except (InputError, OSError):
        if not entry.is_dir():  # another worker may have been first
            raise


def _load(entry: Path) -> TrialData:
    def part(name: str) -> Part:
        # Mapped, not read: trials that run side by side share the pages.
        columns = {path.stem: np.load(path, mmap_mode="r") for path in (entry / name).glob("*.npy")}
        label, weight = np.asarray(columns.pop("label")), np.asarray(columns.pop("weight"))
        return Part(GraphBatch(**{key: np.asarray(values) for key, values in columns.items()}), label, weight)

    stored = read_json(entry / "source.json")
    return TrialData(
        part("train"),
        part("validation"),
        read_preprocess(entry / "preprocess.json"),
        stored["source"],
        stored["reweighting"],
    )
