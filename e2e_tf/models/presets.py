"""Settings by name: how the reference studies trained their models, and whole runs that a search has found."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.heads import Outputs, head_losses

__all__ = ["RUNS", "TRAINING", "TrainingPreset", "run_preset", "training_preset"]


@dataclass(frozen=True)
class TrainingPreset:
    """Settings of a training.

    Attributes:
        model: the name of the model in :data:`e2e_tf.models.MODELS`.
        settings: its settings.
        learning_rate: at the start.
        batch_size, epochs: of the training.
        validation: share of the training sample kept for validation.
        optimizer: a Keras optimizer by name.
        stop_patience, stop_delta: early stopping on ``val_loss``; a patience of 0 never stops.
        plateau_factor, plateau_patience, least_rate: how the learning rate falls when ``val_loss`` does not; a
            patience of 0 keeps it.
        steps: pairs of an epoch, counted from 1, and the learning rate after it.
    """

    model: str
    settings: Mapping[str, Any]
    learning_rate: float
    batch_size: int
    epochs: int
    validation: float = 0.2
    optimizer: str = "adam"
    stop_patience: int = 0
    stop_delta: float = 0.0
    plateau_factor: float = 0.75
    plateau_patience: int = 0
    least_rate: float = 1e-5
    steps: tuple[tuple[int, float], ...] = ()

    def callbacks(self) -> list[Any]:
        """New Keras callbacks, those that are set: the rate of each epoch, the plateau, early stopping.

        Returns:
            The callbacks.
        """
        import keras

        found: list[Any] = []
        if self.steps:
            found.append(keras.callbacks.LearningRateScheduler(self.rate))
        if self.plateau_patience:
            found.append(
                keras.callbacks.ReduceLROnPlateau(
                    monitor="val_loss",
                    factor=self.plateau_factor,
                    patience=self.plateau_patience,
                    min_delta=0.0,
                    min_lr=self.least_rate,
                )
            )
        if self.stop_patience:
            found.append(
                keras.callbacks.EarlyStopping(
                    monitor="val_loss",
                    min_delta=self.stop_delta,
                    patience=self.stop_patience,
                    restore_best_weights=True,
                )
            )
        return found

    def rate(self, epoch: int, rate: float = 0.0) -> float:
        """The learning rate of an epoch.

        Args:
            epoch: counted from 0, as Keras does.
            rate: the current one, which Keras gives; not looked at.

        Returns:
            The learning rate.
        """
        current = self.learning_rate
        for after, value in self.steps:
            if epoch >= after:
                current = value
        return current

    def compile(self, model: Any, outputs: Outputs = 1, metrics: Any = None) -> Any:
        """Compile a model as the study did.

        Args:
            model: a Keras model.
            outputs: what it was built with, see :func:`e2e_tf.models.heads.as_heads`.
            metrics: as in ``keras.Model.compile``.

        Returns:
            The model.
        """
        import keras

        optimizer = keras.optimizers.get(
            {"class_name": self.optimizer, "config": {"learning_rate": self.learning_rate}}
        )
        model.compile(optimizer=optimizer, loss=head_losses(outputs), metrics=metrics, jit_compile=False)
        return model


_PARTICLE_NET = {"learning_rate": 1e-3, "batch_size": 1024, "epochs": 30, "steps": ((10, 1e-4), (20, 1e-5))}
_PLATEAU: dict[str, Any] = {"plateau_factor": 0.75, "plateau_patience": 8}
_EVENTS: dict[str, Any] = {"learning_rate": 1e-3, "batch_size": 64, "epochs": 40, "stop_patience": 12}

TRAINING: dict[str, TrainingPreset] = {
    "graph_net/slides": TrainingPreset("graph_net", {}, 1e-3, 256, 300, stop_patience=15, **_PLATEAU),
    "graph_net/code": TrainingPreset(
        "graph_net", {}, 1e-4, 32, 400, stop_patience=50, stop_delta=1e-5, **_PLATEAU
    ),
    "fcn": TrainingPreset("fcn", {}, 1e-3, 256, 300, stop_patience=15, stop_delta=1e-3, **_PLATEAU),
    "gcn_belle": TrainingPreset("gcn_belle", {}, 1e-3, 1024, 100, stop_patience=15, stop_delta=1e-4),
    "particle_net": TrainingPreset("particle_net", {}, **_PARTICLE_NET),  # type: ignore[arg-type]
    "particle_net_lite": TrainingPreset("particle_net_lite", {}, **_PARTICLE_NET),  # type: ignore[arg-type]
    "event_images": TrainingPreset(
        "event_images", {"pretrained": True}, plateau_patience=3, plateau_factor=0.5, **_EVENTS
    ),
}
"""Every preset by name.

``graph_net`` of ErUm-Data was described (slides) and published (code) with different settings, so there are two.
Of ``event_images`` the optimizer's rate and the plateau's factor are ours: the study gives the rest.
"""


def training_preset(name: str) -> TrainingPreset:
    """A preset by name.

    Args:
        name: a name in :data:`TRAINING`.

    Returns:
        The preset itself, which cannot be changed.

    Raises:
        InputError: there is none of this name.
    """
    if name not in TRAINING:
        raise InputError(f"preset must be one of {', '.join(TRAINING)}, not {name!r}")
    return TRAINING[name]


RUNS: dict[str, dict[str, dict[str, Any]]] = {
    "tau_tuned": {
        "graph": {"nodes": "hits", "edges": "knn:12+delaunay"},
        "model": {
            "name": "gat_cheb",
            "channels": [32, 64],
            "heads": [2, 4],
            "cheb_channels": [32],
            "cheb_order": 3,
            "pooling": "sum",
            "dense": [256, 128],
            "dropout": 0.2,
        },
        "training": {
            "epochs": 10,
            "batch_size": 32,
            "optimizer": "adam",
            "learning_rate": 0.00112413,
            "schedule": "cosine",
        },
    },
    "tau_candidates": {
        "graph": {
            "nodes": "candidates",
            "edges": "knn:2",  # the model looks at none; two neighbours are cheap to carry along
            "node_features": [
                *("pt", "energy", "pt_fraction", "deta", "dphi", "delta_r", "charge", "from_pv"),
                *("is_charged_hadron", "is_neutral_hadron", "is_photon", "is_electron", "is_muon"),
                *("d0", "dz", "d0_significance", "dz_significance"),
            ],
            "jet_features": ["pt", "mass", "eta", "rho"],  # what a producer of CMSSW finds
            "max_nodes": 50,
        },
        "model": {"name": "deep_sets", "phi": [128, 128, 128], "dense": [128, 128], "dropout": 0.1},
        "training": {
            "epochs": 10,
            "batch_size": 128,
            "optimizer": "adam",
            "learning_rate": 2e-3,
            "warmup_epochs": 0.5,
            "weight_decay": 0.01,
            "clip_norm": 1.0,
        },
    },
}
"""Sections of whole runs by name; ``preset = "tau_tuned"`` in a configuration starts from one.

``tau_tuned`` is the best trial of the sweep of ``examples/tune_tau.toml``, see ``docs/tuning.md``. ``tau_candidates``
is what the tau study chose (``docs/studies/tau.md``): it wants the pileup density and candidates that tell tracks of
pileup apart, as samples that were simulated with pileup have them.
"""


def run_preset(name: object) -> dict[str, dict[str, Any]]:
    """The sections of a run by name, a copy.

    Args:
        name: a name in :data:`RUNS`.

    Returns:
        Settings by section (``graph``, ``model``, ``training``), as in a configuration.

    Raises:
        InputError: there is none of this name.
    """
    if not isinstance(name, str) or name not in RUNS:
        raise InputError(f"preset must be one of {', '.join(RUNS)}, not {name!r}")
    return copy.deepcopy(RUNS[name])
