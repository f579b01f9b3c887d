"""A run folder: what it holds and how it is read.

::

    config.json       the checked configuration, and where it came from
    provenance.json   versions, seeds, sample checksum, split sizes, times
    preprocess.json   inputs, normalisation and graph
    model.keras       the model of the best epoch
    history.json      one list per quantity, one entry per epoch
    checkpoint/       the last complete epoch, until the run is finished
    metrics.json, *.png  once judged
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e_tf.config import RunConfig, make_config
from e2e_tf.data.preprocess import Preprocess, read_preprocess
from e2e_tf.errors import InputError
from e2e_tf.files import read_json
from e2e_tf.runtime import load_tensorflow

__all__ = ["Run", "open_run"]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: where it lies.
        config: its configuration.
        base: the folder that relative sample paths start from.
        preprocess: inputs, normalisation and graph.
    """

    folder: Path
    config: RunConfig
    base: Path
    preprocess: Preprocess

    def model(self) -> Any:
        """The trained Keras model, loaded in safe mode."""
        load_tensorflow()

        import keras

        return keras.models.load_model(self.folder / "model.keras", compile=False, safe_mode=True)

    @property
    def provenance(self) -> dict[str, Any]:
        return read_json(self.folder / "provenance.json")


def open_run(folder: str | os.PathLike[str]) -> Run:
    """Open a finished run.

    Raises:
        InputError: the folder is missing, is not a run, or its training has not finished.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no run folder {folder}")
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} is not a run folder: it has no config.json; make one with 'e2e-tf fit'")
    if not (folder / "model.keras").is_file():
        raise InputError(
            f"{folder} has no model.keras; its training has not finished, run 'e2e-tf fit' again to continue"
        )
    stored = read_json(folder / "config.json")
    return Run(
        folder,
        make_config(stored["config"], str(folder / "config.json")),
        Path(stored["base"]),
        read_preprocess(folder / "preprocess.json"),
    )
