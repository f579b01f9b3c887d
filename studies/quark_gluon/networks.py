"""Trainings whose scores are kept, of networks and of boosted trees."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from e2e_tf.data.features import feature_names
from e2e_tf.data.graphs import GraphData
from e2e_tf.files import new_file
from e2e_tf.models import RUNS, build_model
from e2e_tf.training.examples import Examples
from e2e_tf.training.finetune import fine_tune
from e2e_tf.training.loop import buckets, run_epochs
from e2e_tf.training.metrics import roc_auc
from e2e_tf.training.predict import predict
from e2e_tf.training.splits import split_by_event

# What each model is trained with, besides --epochs: its settings, the largest rate, the weight decay.
SETTINGS: dict[str, dict[str, Any]] = {
    "particle_attention": {"width": 48, "heads": 4, "blocks": 2, "dropout": 0.15},
    "particle_net_lite": {"k": 7},
    "deep_sets": {"phi": (128, 128, 128), "dense": (128, 128), "dropout": 0.3},
    "gat_cheb_tuned": {key: value for key, value in RUNS["tau_tuned"]["model"].items() if key != "name"},
}
VARIANTS = {"gat_cheb_tuned": "gat_cheb"}  # models under another name, with other settings
RATES = {"deep_sets": 0.002}
DECAY = 0.02
FIRST_EPOCHS = 10  # on generated jets
LAST_EPOCHS, LAST_RATE = 5, 0.1  # after them: epochs, and the share of the model's rate


def parts_of(event: np.ndarray, seed: int, inside: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Which jets are learned from, and which are evaluated; ``inside``, both are among what seed 1 learns from."""
    learned, _, evaluated = split_by_event(event, (0.8, 0.0, 0.2), 1 if inside else seed)
    if not inside:
        return learned, evaluated
    first, _, second = split_by_event(event[learned], (2 / 3, 0.0, 1 / 3), 100 + seed)
    return learned[first], learned[second]


def kept(path: Path, settings: list[Any], made: Callable[[], np.ndarray]) -> np.ndarray:
    """The scores in a file; they are made and put there, unless it has some of the same settings."""
    described = json.dumps(settings)
    if path.is_file():
        with np.load(path) as data:
            if str(data["described"]) == described:
                return data["score"]
    started = time.perf_counter()
    score = made()
    seconds = round(time.perf_counter() - started)
    with new_file(path, force=True) as part, open(part, "wb") as file:
        np.savez(file, score=score, described=np.array(described), seconds=np.array(seconds))
    return score


def tree_scores(
    stem: Path, name: str, table: tuple[np.ndarray, np.ndarray, np.ndarray], evaluated: np.ndarray, seed: int
) -> np.ndarray:
    """Scores of boosted trees that learn from features, labels and weights."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    features, label, weight = table
    settings = {"max_iter": 250, "learning_rate": 0.05, "max_leaf_nodes": 15, "l2_regularization": 1.0}

    def made() -> np.ndarray:
        model = HistGradientBoostingClassifier(**settings, random_state=seed)
        model.fit(features, label, sample_weight=weight)
        return model.predict_proba(evaluated)[:, 1]

    return kept(stem.with_name(f"{stem.name}-{name}-{seed}.npz"), [settings, len(label)], made)


def train(model: Any, graphs: GraphData, weight: np.ndarray, rate: float, epochs: int, seed: int) -> None:
    """Train with a rate that rises for an epoch and then falls as a cosine."""
    examples = Examples(graphs.batch, graphs.label, weight, graphs.node_inputs())
    loader = examples.loader(model, 128, shuffle=True, bucket=buckets(model), seed=seed)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, epochs * len(loader), alpha=0.002, warmup_target=rate, warmup_steps=len(loader)
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=DECAY, clipnorm=1.0),
        loss="binary_crossentropy",
        jit_compile=False,
    )
    # Made within the first step, the optimizer's variables would have TensorFlow trace that step twice.
    model.optimizer.build(model.trainable_variables)
    run_epochs(model, loader, epochs=epochs)


@dataclass(frozen=True)
class Training:
    """One training of a network: from the start, or a short one after another on generated jets.

    Attributes:
        stem: beginning of the paths of its files.
        model: name in ``MODELS`` or :data:`VARIANTS`.
        settings: of the model.
        epochs: from the start.
        seed: of the split.
        member: number among the trainings of this seed.
        generated: how many generated jets come first.
    """

    stem: Path
    model: str
    settings: dict[str, Any]
    epochs: int
    seed: int
    member: int = 1
    generated: int = 0

    @property
    def path(self) -> Path:
        """Of the scores; the network is beside them."""
        after = "-pretrained" if self.generated else ""
        member = f".{self.member}" if self.member > 1 else ""
        return self.stem.with_name(f"{self.stem.name}-{self.model}{after}-{self.seed}{member}.npz")

    @property
    def rate(self) -> float:
        """The largest."""
        return RATES.get(self.model, 0.001)

    def scores(
        self, graphs: GraphData, weight: np.ndarray, evaluated: GraphData, start: Path | None = None
    ) -> np.ndarray:
        """float (evaluated,): of the network that learns from these graphs, from the one at ``start`` on."""
        settings = [*self._described(graphs), self.epochs]
        rate, epochs = self.rate, self.epochs
        if start:
            settings[-1:] = [self.generated, FIRST_EPOCHS, LAST_EPOCHS, LAST_RATE]
            rate, epochs = rate * LAST_RATE, LAST_EPOCHS

        def made() -> np.ndarray:
            number = 1000 * (self.member - 1) + self.seed
            keras.utils.set_random_seed(number)
            network = fine_tune(start) if start else self._new(graphs)
            train(network, graphs, weight, rate, epochs, number)
            save(network, self.path)
            return predict(network, evaluated)[:, 0]

        return kept(self.path, settings, made)

    def first(self, graphs: GraphData, evaluated: GraphData) -> Path:
        """The network that has learned from generated jets alone; every seed starts from the same."""
        path = self.stem.with_name(f"generated-{self.model}-{self.member}.npz")

        def made() -> np.ndarray:
            keras.utils.set_random_seed(self.member)
            network = self._new(graphs)
            train(network, graphs, graphs.weight, self.rate, FIRST_EPOCHS, self.member)
            save(network, path)
            return predict(network, evaluated)[:, 0]

        score = kept(path, [*self._described(graphs), len(graphs), FIRST_EPOCHS], made)
        assert evaluated.label is not None  # generated jets have labels
        print(f"{self.model}, training {self.member}, generated jets: {roc_auc(evaluated.label, score):.4f}")
        return path.with_suffix(".keras")

    def _described(self, graphs: GraphData) -> list[Any]:
        inputs = [feature_names(graphs.node_features), feature_names(graphs.jet_features)]
        return [self.settings, self.rate, DECAY, *inputs]

    def _new(self, graphs: GraphData) -> Any:
        model = VARIANTS.get(self.model, self.model)
        return build_model(model, len(graphs.node_features), len(graphs.jet_features), self.settings)


def save(network: Any, scores: Path) -> None:
    """Beside its scores."""
    with new_file(scores.with_suffix(".keras"), force=True) as part:
        network.save(part.with_suffix(".keras"))
        part.with_suffix(".keras").replace(part)
