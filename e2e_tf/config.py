"""The configuration of a run: a TOML file, checked key by key."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from e2e_tf.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["DataConfig", "GraphConfig", "RunConfig", "TrainingConfig", "read_config"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Section):
    """What to train on.

    Attributes:
        sample: ``tau`` for the sample that ships with the package, or a path (relative to the configuration).
        reader: format of the file, see :mod:`e2e_tf.data.readers`; empty recognises it from its content.
        jet_pt: range of jet pT [GeV] to keep.
        split: fractions of events for training, validation and test.
        reweight_pt: weight the background so that its pT spectrum matches the signal's.
        pt_bins: bin edges [GeV] of the reweighting and of the judgement.
        use_event_weights: multiply by the sample's event weights.
    """

    sample: str = "tau"
    reader: str = ""
    jet_pt: tuple[float, float] | None = None
    split: tuple[float, float, float] = (0.7, 0.1, 0.2)
    reweight_pt: bool = True
    pt_bins: tuple[float, ...] = (10, 15, 20, 25, 30, 35, 40, 45, 50)
    judge_pt_bins: tuple[float, ...] = (10, 20, 30, 40, 50)
    use_event_weights: bool = False


class GraphConfig(_Section):
    """How a jet becomes a graph; see :class:`e2e_tf.data.graphs.GraphRecipe`."""

    nodes: Literal["hits", "candidates"] = "hits"
    edges: str = "knn:8+delaunay"
    node_features: tuple[str, ...] = ()
    jet_features: tuple[str, ...] = ("pt", "mass")
    coordinates: tuple[str, ...] = ()
    max_nodes: int = Field(0, ge=0)


class TrainingConfig(_Section):
    """How to train.

    Attributes:
        epochs: at most so many.
        batch_size: graphs in a batch.
        optimizer: a Keras optimizer by name.
        learning_rate: at the start; it falls on a half cosine to a hundredth.
        patience: stop after so many epochs without a better validation AUC; 0 never stops early.
        bucket: batch graphs of similar size together.
    """

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(64, ge=1)
    optimizer: str = "rmsprop"
    learning_rate: float = Field(1e-3, gt=0)
    patience: int = Field(0, ge=0)
    bucket: bool = True


class RunConfig(_Section):
    """A whole run. ``model`` holds ``name`` and the settings of that model."""

    seed: int = Field(1, ge=0)
    data: DataConfig = DataConfig()
    graph: GraphConfig = GraphConfig()
    model: dict[str, Any] = Field(default_factory=lambda: {"name": "gat_cheb"})
    training: TrainingConfig = TrainingConfig()

    @property
    def model_name(self) -> str:
        return str(self.model.get("name", "gat_cheb"))

    @property
    def model_settings(self) -> dict[str, Any]:
        return {key: value for key, value in self.model.items() if key != "name"}


def read_config(path: str | os.PathLike[str]) -> RunConfig:
    """Read and check a configuration.

    Raises:
        InputError: the file is missing or not TOML, a key is unknown or a value is not acceptable; the message
            names the key, what is accepted and what came.
    """
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"there is no configuration {path}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    return make_config(document, str(path))


def make_config(document: dict[str, Any], where: str = "the configuration") -> RunConfig:
    """A checked configuration from nested dictionaries; errors as :func:`read_config`."""
    from e2e_tf.data.graphs import GraphRecipe
    from e2e_tf.models import model_settings

    try:
        config = RunConfig.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{where}: {_one_sentence(error)}") from error
    try:
        model_settings(config.model_name, config.model_settings)
        GraphRecipe(**config.graph.model_dump())
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return config


def _one_sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    key = ".".join(where)
    if first["type"] == "extra_forbidden":
        section: Any = RunConfig
        for part in where[:-1]:
            section = section.model_fields[part].annotation
        return f"unknown key {key!r}; accepted here: {', '.join(section.model_fields)}"
    return f"{key}: {first['msg'][0].lower()}{first['msg'][1:]}, not {first['input']!r}"
