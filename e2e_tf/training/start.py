"""Trainings that start from an earlier one: its parameters, and the normalisation that they were trained with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.preprocess import Normalisation, Preprocess, read_preprocess
from e2e_tf.errors import InputError
from e2e_tf.files import sha256

__all__ = ["PRETRAINED", "Start", "open_start"]

PRETRAINED = ("tau_detector",)
"""Trained models that ship with the package."""


@dataclass(frozen=True)
class Start:
    """What a training starts from.

    Attributes:
        name: as the configuration has it.
        folder: holds ``model.keras`` and ``preprocess.json``.
        preprocess: of the earlier training.
    """

    name: str
    folder: Path
    preprocess: Preprocess

    def normalisation_for(self, fitted: Preprocess) -> Preprocess:
        """The normalisation of the earlier training, for the inputs of a new one.

        Args:
            fitted: of the new training.

        Returns:
            ``fitted`` with the medians and factors of the earlier one.

        Raises:
            InputError: the two have other nodes, edges, limits or features.
        """
        for name in ("nodes", "edges", "coordinates", "max_nodes"):
            here, there = getattr(fitted, name), getattr(self.preprocess, name)
            if here != there:
                raise InputError(
                    f"training.start: {self.name} was trained with graph.{name} = {there!r}, not {here!r}"
                )
        earlier = self.preprocess
        for name in ("node_features", "jet_features"):
            here, there = _names(getattr(fitted, name)), _names(getattr(earlier, name))
            if here != there:
                other = sorted(set(here) ^ set(there)) or ["another order"]
                raise InputError(
                    f"training.start: {self.name} was trained with other graph.{name}: {', '.join(other)}"
                )
        return replace(fitted, node_features=earlier.node_features, jet_features=earlier.jet_features)

    def model(self) -> Any:
        """The earlier model.

        Returns:
            A ``keras.Model``, not compiled.

        Raises:
            InputError: it cannot be loaded, or its parameters are not finite.
        """
        from e2e_tf.training.finetune import fine_tune

        return fine_tune(self.folder / "model.keras")

    def load_into(self, model: Any) -> None:
        """Give a new model the parameters of the earlier one.

        Args:
            model: a Keras model that was built with the same settings.

        Raises:
            InputError: the earlier model has other parameters, or some that are not finite.
        """
        earlier = self.model()
        # Keras numbers layers inside layers by how many were made before: only the ends of a path mean something.
        here, there = (
            [(f"{w.path.split('/')[0]}/…/{w.name}", tuple(w.shape)) for w in one.weights]
            for one in (model, earlier)
        )
        if here != there:
            first = next((pair for pair in zip(here, there, strict=False) if pair[0] != pair[1]), None)
            what = (
                f"{len(here)} arrays of parameters, not {len(there)}"
                if first is None
                else f"{first[0][0]} {first[0][1]} where it has {first[1][0]} {first[1][1]}"
            )
            raise InputError(
                f"training.start: the model of {self.name} was built with other settings; this {model.name} has {what}"
            )
        model.set_weights([np.asarray(values) for values in earlier.get_weights()])

    def identity(self) -> dict[str, str]:
        """What ``provenance.json`` says: the name, and SHA-256 of the model.

        Returns:
            Text by name.
        """
        return {"name": self.name, "sha256": sha256(self.folder / "model.keras")}


def open_start(name: str, base: Path | None = None) -> Start | None:
    """What ``training.start`` names.

    Args:
        name: one of :data:`PRETRAINED`, or a run folder, relative to ``base``; empty for none.
        base: a folder; the working folder if None.

    Returns:
        The start, or None without a name.

    Raises:
        InputError: there is no such folder, or it is not that of a finished run.
    """
    if not name:
        return None
    shipped = name in PRETRAINED
    folder = (
        Path(str(files("e2e_tf.models").joinpath("pretrained", name))) if shipped else (base or Path()) / name
    )
    for part in ("model.keras", "preprocess.json"):
        if not (folder / part).is_file():
            raise InputError(
                f"training.start must be the folder of a finished run or {', '.join(PRETRAINED)}; {folder} has no "
                f"{part}"
            )
    return Start(name, folder, read_preprocess(folder / "preprocess.json"))


def _names(inputs: Normalisation | None) -> tuple[str, ...]:
    return () if inputs is None else tuple(feature.name for feature in inputs.features)
