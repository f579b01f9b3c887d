"""What can be exported: a run, or a Keras model in a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e_tf.config import RunConfig
from e2e_tf.data.preprocess import Preprocess, read_preprocess
from e2e_tf.deploy.interface import is_graph_model
from e2e_tf.errors import InputError
from e2e_tf.files import sha256
from e2e_tf.runtime import load_tensorflow
from e2e_tf.training.finite import check_finite
from e2e_tf.training.run import Run, open_run

__all__ = ["ModelFile", "open_source"]


@dataclass(frozen=True)
class ModelFile(Run):
    """A Keras model in the place of a run; there is no configuration and no evaluation.

    Attributes:
        file: ``.keras``.
        loaded: the model, where it has been read already.
    """

    file: Path = Path()
    loaded: Any = None

    def model(self) -> Any:
        """The Keras model, loaded in safe mode.

        Returns:
            The model, not compiled.

        Raises:
            InputError: the file is damaged, holds objects that are not registered, or its parameters are not finite.
        """
        if self.loaded is not None:
            return self.loaded
        load_tensorflow()

        import keras

        import e2e_tf.layers  # noqa: F401  # registers the layers

        try:
            model = keras.models.load_model(self.file, compile=False, safe_mode=True)
        except (ValueError, TypeError, OSError, KeyError) as error:
            first = str(error).strip().split("\n")[0]
            raise InputError(
                f"{self.file} must be a Keras model whose layers are registered by what is imported: {first}"
            ) from error
        return check_finite(model, self.file)

    @property
    def provenance(self) -> dict[str, Any]:
        """What the manifest says of the data: the name of the file and its SHA-256."""
        return {"data": {"model": self.file.name, "sha256": sha256(self.file)}}


def open_source(path: str | os.PathLike[str]) -> Run:
    """A finished run from its folder, or a ``.keras`` file.

    Args:
        path: of either; a model on graphs needs the ``preprocess.json`` of its inputs beside it.

    Returns:
        The run, or a model in the place of one.

    Raises:
        InputError: it is neither, or ``preprocess.json`` is missing.
    """
    path = Path(path)
    if path.suffix != ".keras":
        return open_run(path)
    if not path.is_file():
        raise InputError(f"there is no model {path}")
    config = RunConfig(model={"name": path.stem})
    none = Preprocess("candidates", "full", None)  # type: ignore[arg-type]  # of a model without graphs
    model = ModelFile(path.parent, config, path.parent, none, path).model()
    if not is_graph_model(model):
        return ModelFile(path.parent, config, path.parent, none, path, model)
    beside = path.parent / "preprocess.json"
    if not beside.is_file():
        raise InputError(
            f"a model on graphs needs the preprocess.json of its inputs beside it; there is no {beside}"
        )
    return ModelFile(path.parent, config, path.parent, read_preprocess(beside), path, model)
