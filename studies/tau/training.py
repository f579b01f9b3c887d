"""Training one row with one seed, and its scores."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from e2e_tf import fit
from e2e_tf.data.features import CHANNELS
from e2e_tf.data.graphs import graphs_of
from e2e_tf.data.grid import CRYSTALS, TOWER, TOWERS
from e2e_tf.data.jets import Jets
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.quantities import with_candidate_quantities
from e2e_tf.files import read_json, write_json
from e2e_tf.layers import GradientReversal
from e2e_tf.losses import DistanceCorrelation
from e2e_tf.training.baseline import baseline_score, candidate_features, hit_features, train_baseline
from e2e_tf.training.loop import compile_model, new_model, run_epochs, steps_per_epoch
from e2e_tf.training.predict import predict
from e2e_tf.training.prepare import Prepared, Split, prepare
from e2e_tf.training.run import Run, begin_run, end_run, open_run
from studies.tau.rows import ROWS, Row, run_folder
from studies.tau.samples import PILEUP, sample_of


class Trained:
    """A trained row, or the mean of several: what scores jets and what it cost."""

    def __init__(
        self, row: Row, run: Run | None, trees: Any, facts: dict[str, Any], members: Sequence[Trained] = ()
    ) -> None:
        self.row, self.run, self._trees, self.facts, self.members = row, run, trees, facts, members
        self._model = None if run is None else run.model()

    def __call__(self, jets: Jets) -> np.ndarray:
        """Scores float (B,) of jets."""
        if self.members:
            return np.mean([member(jets) for member in self.members], axis=0)
        if self.run is None:
            return baseline_score(self._trees, _table(self.row, jets))
        graphs = graphs_of(jets, self.run.preprocess)
        if not self.row.image:
            return predict(self._model, graphs)[:, 0]
        assert graphs.batch.u is not None
        return np.asarray(
            self._model.predict(_Images(self.row.image, jets, graphs.batch.u, batch_size=256), verbose=0)
        )[:, 0]


def train(row: Row, seed: int, samples: Path, folder: Path) -> Trained:
    """Train, or take what is there; what was stopped goes on at its last epoch."""
    if row.members:
        members = [train(ROWS[name], of, samples, run_folder(samples, name, of)) for name, of in row.members]
        facts: dict[str, Any] = {"seed": seed}
        for key in ("parameters", "cpu_seconds"):
            parts = [member.facts.get(key, 0) for member in members]
            facts[key] = None if None in parts else sum(parts)  # trees have no parameters
        return Trained(row, None, None, facts, members)
    config = row.config(seed)
    before = time.process_time()
    if not row.model:
        part = jets_and_weights(samples).train
        trees = train_baseline(_table(row, part.jets), part.label, part.weight, seed)
        facts = {"parameters": None, "trees": int(trees.n_iter_), "seed": seed}
        return Trained(row, None, trees, facts | {"cpu_seconds": round(time.process_time() - before, 1)})
    if not (folder / "model.keras").is_file():
        if row.image or row.strength or row.start:
            _train_otherwise(row, seed, samples, folder)
        else:
            fit(config, folder, base=samples)
        write_json(folder / "cost.json", {"cpu_seconds": round(time.process_time() - before, 1)})
    run = open_run(folder)
    provenance = run.provenance
    facts = {name: provenance[name] for name in ("parameters", "best_epoch", "seed")}
    facts["resumed"] = len(provenance.get("resumed_at_epochs", []))
    if (folder / "cost.json").is_file():
        facts |= read_json(folder / "cost.json")
    return Trained(row, run, None, facts)


@cache  # trees are trained and evaluated on what is read once
def jets_and_weights(samples: Path) -> Prepared:
    """The parts of the whole sample; weights bring background to the signal's pT spectrum. No graphs to speak of."""
    graph = {"nodes": "candidates", "edges": "knn:1", "node_features": ("pt",), "max_nodes": 1}
    return prepare(Row(graph=graph).config(1), samples)


def _table(row: Row, jets: Jets) -> np.ndarray:
    parts = []
    if row.inputs in ("hits", "both"):
        parts.append(hit_features(jets)[1])
    if row.inputs in ("candidates", "both"):
        parts.append(candidate_features(with_candidate_quantities(jets))[1])
    return np.concatenate(parts, axis=1)


def images(jets: Jets, side: int) -> np.ndarray:
    """float32 (B, side, side, 3): ln(1 + x) of track pT, ECAL and HCAL energy [GeV], a tower's spread over it."""
    found = np.zeros((len(jets), side, side, 3), np.float32)
    low = (CRYSTALS - side) // 2
    for i, channel in enumerate(CHANNELS):
        rows = jets.hits[channel]
        width, pitch = (TOWERS, TOWER) if channel == "hcal" else (CRYSTALS, 1)
        row, column = np.divmod(rows["cell"].astype(np.int64), width)
        for a in range(pitch):
            for b in range(pitch):
                r, c = row * pitch + a - low, column * pitch + b - low
                inside = (r >= 0) & (r < side) & (c >= 0) & (c < side)
                value = rows["value"][inside] / pitch**2
                np.add.at(found, (rows.owner[inside], r[inside], c[inside], i), value)
    return np.log1p(np.maximum(found, 0))


class _Images(keras.utils.PyDataset):
    """Batches of images with jet quantities, drawn when they are needed."""

    def __init__(
        self,
        side: int,
        jets: Jets,
        u: np.ndarray,
        label: np.ndarray | None = None,
        weight: np.ndarray | None = None,
        batch_size: int = 128,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self._side, self._jets, self._u, self._size = side, jets, u, batch_size
        self._label, self._weight, self._seed = label, weight, seed
        self.epoch = self._epoch = 0  # Keras itself tells its data sets that an epoch has ended
        self._order = self._shuffled()

    def _shuffled(self) -> np.ndarray:
        if self._seed is None:
            return np.arange(len(self._jets))
        return np.random.default_rng([self._seed, self._epoch]).permutation(len(self._jets))

    def dataset(self) -> _Images:
        """What Keras takes."""
        return self

    def __len__(self) -> int:
        return -(-len(self._jets) // self._size)

    def __getitem__(self, index: int) -> Any:
        rows = self._order[index * self._size : (index + 1) * self._size]
        inputs = {"image": images(self._jets.take(rows), self._side), "u": self._u[rows]}
        if self._label is None or self._weight is None:
            return (inputs,)
        return inputs, self._label[rows].astype(np.float32)[:, None], self._weight[rows]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._order = self._shuffled()


def _train_otherwise(row: Row, seed: int, samples: Path, folder: Path) -> None:
    """Images, another loss beside that of the label, or weights from elsewhere; the run folder is the same."""
    config = row.config(seed)
    first = folder.with_name(f"{folder.name}-first")
    if row.start and not (first / "model.keras").is_file():
        fit(replace(row, sample=row.start, start="").config(seed), first, base=samples)
    prepared = prepare(config, samples)
    if row.start:  # weights mean what they meant where inputs are scaled as they were
        scale = open_run(first).preprocess
        train, check = (
            replace(part, graphs=graphs_of(part.jets, scale))
            for part in (prepared.train, prepared.validation)
        )
        prepared = replace(prepared, train=train, validation=check, preprocess=scale)
    options = config.training
    train = prepared.train.examples
    if row.image:
        shape = len(train), row.image, row.image, len(CHANNELS)
        train = replace(train, rows={"image": np.broadcast_to(np.float32(0), shape)})  # drawn batch by batch
    model = new_model(config, train, prepared.preprocess, seed, prepared.start)
    if row.start:
        model.set_weights(open_run(first).model().get_weights())
    compile_model(model, options, steps_per_epoch(len(train), options))
    best = keras.callbacks.ModelCheckpoint(
        str(folder.with_suffix(".best.keras")), "val_auc", mode="max", save_best_only=True
    )
    trained = model
    if row.strength:
        trained = _with_penalty(row, model)
        losses = {"score": "binary_crossentropy"}
        losses["other"] = DistanceCorrelation() if row.flat else "sparse_categorical_crossentropy"
        trained.compile(
            optimizer=model.optimizer,
            loss=losses,
            # The strength of a reversed gradient is that of its layer.
            loss_weights={"score": 1.0, "other": row.strength if row.flat else 1.0},
            weighted_metrics={"score": [keras.metrics.AUC(num_thresholds=1000, name="auc")]},
            jit_compile=False,
        )
        best.monitor = "val_score_auc"
    batches = (
        _batches(row, prepared, part, options.batch_size, seed if part is prepared.train else None)
        for part in (prepared.train, prepared.validation)
    )
    curves = run_epochs(trained, *batches, epochs=options.epochs, callbacks=[best])
    chosen = keras.models.load_model(folder.with_suffix(".best.keras"), compile=False)
    if row.strength:
        chosen = keras.Model(chosen.inputs, chosen.output["score"], name=model.name)
    folder.mkdir(parents=True, exist_ok=True)
    begin_run(folder, config, samples.resolve(), prepared.preprocess, prepared.source)
    monitored = "val_score_auc" if row.strength else "val_auc"
    best_epoch = int(np.argmax(curves[monitored]))
    end_run(folder, curves, prepared.provenance(model, seed, best_epoch), chosen)
    folder.with_suffix(".best.keras").unlink()


def _with_penalty(row: Row, model: Any) -> Any:
    """The model with one more output: its score again, or the pileup of the jet behind a reversed gradient."""
    score = model.output
    if row.flat:
        other = keras.layers.Identity(name="other")(score)
    else:
        hidden = model.layers[-1].input
        reversed_ = GradientReversal(row.strength, name="reversal")(hidden)
        reversed_ = keras.layers.Dense(64, activation="relu", name="pileup_1")(reversed_)
        other = keras.layers.Dense(len(PILEUP), activation="softmax", name="other")(reversed_)
    inputs = {tensor.name: tensor for tensor in model.inputs}
    return keras.Model(inputs, {"score": score, "other": other})


def _batches(row: Row, prepared: Prepared, part: Split, size: int, seed: int | None) -> Any:
    assert part.graphs.batch.u is not None
    if row.image:
        return _Images(row.image, part.jets, part.graphs.batch.u, part.label, part.weight, size, seed)
    targets: Any = part.label.astype(np.float32)[:, None]
    weights: Any = part.weight
    if row.strength:
        if row.flat:
            values = part.jets.columns[row.flat].astype(np.float32)[:, None]
            background = part.weight * (part.label == 0)
            other, weight = values / values.std(), background * len(background) / background.sum()
        else:
            other, weight = sample_of(part.jets.event).astype(np.int32)[:, None], np.ones(len(part.label))
        targets = {"score": targets, "other": other}
        weights = {"score": weights, "other": weight.astype(np.float32)}
    model_inputs = ("x", "senders", "receivers", "n_node", "u")
    return DisjointLoader(
        part.graphs.batch,
        targets,
        weights,
        batch_size=size if seed is not None else 4 * size,
        shuffle=seed is not None,
        # A penalty on a whole batch wants batches like the sample, not of jets of one size.
        bucket=seed is not None and not row.strength,
        seed=seed or 0,
        inputs=model_inputs,
    )


def one_thread() -> None:
    """Every training has one core."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
