"""The configuration of a run: a TOML file, checked key by key."""

from __future__ import annotations

import os
import sys
import typing
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from e2e_tf.changes import with_changes
from e2e_tf.data.graphs import GraphRecipe
from e2e_tf.data.settings import OLD_NAMES, DataConfig, Section
from e2e_tf.errors import InputError
from e2e_tf.figure import PlotStyle
from e2e_tf.terminal import console

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "GraphConfig",
    "LoggingConfig",
    "OutputConfig",
    "PlotsConfig",
    "RunConfig",
    "TrainingConfig",
    "make_config",
    "plot_style",
    "read_config",
    "read_toml",
]


class GraphConfig(Section):
    """How a jet becomes a graph; see :class:`e2e_tf.data.graphs.GraphRecipe`."""

    nodes: Literal["hits", "candidates", "detector", "pixels"] = "hits"
    edges: str = "knn:8+delaunay"
    node_features: tuple[str, ...] = ()
    jet_features: tuple[str, ...] = ("pt", "mass")
    coordinates: tuple[str, ...] = ()
    max_nodes: int | dict[str, int] = 0

    @cached_property
    def recipe(self) -> GraphRecipe:
        """The recipe that every later step builds graphs by; ``edges`` is read here and nowhere else.

        Raises:
            InputError: ``edges`` cannot be read.
        """
        return GraphRecipe(**self.model_dump())


class TrainingConfig(Section):
    """How to train.

    Attributes:
        epochs: at most so many.
        batch_size: graphs in a batch.
        optimizer: a Keras optimizer by name.
        learning_rate: at the start, or after the warm-up.
        schedule: ``cosine``: the learning rate falls on a half cosine to a hundredth; ``constant``: it stays.
        warmup_epochs: the learning rate first rises from 0 in so many epochs, which need not be a whole number
            (``cosine`` only).
        weight_decay: of the optimizer, apart from the gradient, as in AdamW; 0 for none, whatever Keras' default is.
        clip_norm: longest gradient, all parameters together; 0 for any.
        ema_momentum: m of an exponential moving average of the parameters, w̄ ← m w̄ + (1 - m) w after each step;
            the averages are what is validated and kept. 0 for none.
        patience: stop after so many epochs without a better validation AUC; 0 never stops early.
        bucket: batch graphs of similar size together. Left out, a model with batch normalisation gets batches of
            any sizes, all others similar ones: statistics of batches of one size are not those of the sample.
        mirror: in every epoch each jet comes as it is or with η, φ or both reversed, by chance (of graphs of
            candidates, hits and detector objects), see :mod:`e2e_tf.data.mirror`.
        auxiliary_loss: factor λ of the loss of an auxiliary task, 0 for none: the network also learns which particles
            are in the jet (:mod:`e2e_tf.data.content`), from the candidates of the sample. The trained model is without
            this task and needs no candidates.
        start: the folder of a finished run (relative to the configuration), or the name of a model that ships with the
            package: the training starts from its parameters, with its normalisation. Model and inputs must be the same.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(64, ge=1)
    optimizer: str = "rmsprop"
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_epochs: float = Field(0.0, ge=0)
    weight_decay: float = Field(0.0, ge=0)
    clip_norm: float = Field(0.0, ge=0)
    ema_momentum: float = Field(0.0, ge=0, lt=1)
    patience: int = Field(0, ge=0)
    bucket: bool | None = None
    mirror: bool = False
    auxiliary_loss: float = Field(0.0, ge=0)
    start: str = ""

    @model_validator(mode="after")
    def _warms_up(self) -> TrainingConfig:
        if self.warmup_epochs and self.schedule != "cosine":
            raise ValueError(f"warmup_epochs needs the schedule 'cosine', not {self.schedule!r}")
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs must be below epochs ({self.epochs}), not {self.warmup_epochs:g}"
            )
        return self


_LOSSES = {
    "binary": ("binary_crossentropy", "binary_focal_crossentropy", "mean_squared_error"),
    "multiclass": ("sparse_categorical_crossentropy",),
    "regression": ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh"),
}


class OutputConfig(Section):
    """One output of a model, a section ``[outputs.NAME]``; without such sections it is a binary score of the label.

    Attributes:
        kind: ``binary``, ``multiclass`` or ``regression``.
        column: what it is trained for: ``label``, a column of the sample's truth, or of its jets.
        classes: values of the column that are the classes, in the order of the outputs (``multiclass``, at least
            two), or those that count as signal (``binary``; 1 if empty). Jets with another value take no part in
            a ``multiclass`` output.
        jets: ``all``, or ``signal``: only jets of label 1 take part.
        relative_to: of a ``regression``: learn the ratio to this quantity of the jet; predictions are multiplied
            by it again, the exported model gives the ratio.
        loss: a Keras loss by name; empty takes the kind's first in :data:`_LOSSES`.
        loss_weight: factor of its loss in the sum.
        balance: give every class the same total weight; a ``binary`` output of the label always does, or is
            weighted in pT if ``data.reweight_pt``.
        hidden: units of dense layers of its own.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    kind: Literal["binary", "multiclass", "regression"] = "binary"
    column: str = "label"
    classes: tuple[int, ...] = ()
    jets: Literal["all", "signal"] = "all"
    relative_to: str = ""
    loss: str = ""
    loss_weight: float = Field(1.0, gt=0)
    balance: bool = False
    hidden: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _fits_its_kind(self) -> OutputConfig:
        if self.loss and self.loss not in _LOSSES[self.kind]:
            raise ValueError(f"loss must be one of {', '.join(_LOSSES[self.kind])} for {self.kind}")
        if self.kind == "multiclass" and (
            len(self.classes) < 2 or len(set(self.classes)) < len(self.classes)
        ):
            raise ValueError("classes must list at least two different values for multiclass")
        if self.kind == "regression" and (self.classes or self.balance):
            raise ValueError("classes and balance are for binary and multiclass, a regression has none")
        if self.kind != "regression" and self.relative_to:
            raise ValueError("relative_to is for regression")
        if any(units < 1 for units in self.hidden):
            raise ValueError("hidden must be positive")
        return self

    @property
    def loss_name(self) -> str:
        """The Keras loss by name, the kind's usual one unless another is given."""
        return self.loss or _LOSSES[self.kind][0]

    @property
    def is_label(self) -> bool:
        """The signal against the background, as the sample's label has it."""
        return (
            self.kind == "binary"
            and self.column == "label"
            and self.classes in ((), (1,))
            and self.jets == "all"
        )


class LoggingConfig(Section):
    """Where a training reports to beside its run folder; see :mod:`e2e_tf.training.loggers`.

    Attributes:
        tensorboard: write logs for TensorBoard into the folder ``tensorboard`` of the run.
        services: of ``wandb``, ``mlflow`` and ``comet``, each an extra of this library.
        project: name of the project or experiment there.
        callbacks: further Keras callbacks as ``module:Class``, made without arguments; of modules beside it, too.
    """

    tensorboard: bool = False
    services: tuple[Literal["wandb", "mlflow", "comet"], ...] = ()
    project: str = "e2e-tf"
    callbacks: tuple[str, ...] = ()


class PlotsConfig(Section):
    """Labels and files of the plots of a run; see :class:`e2e_tf.figure.PlotStyle`. Energy None is the sample's."""

    model_config = ConfigDict(allow_inf_nan=False)

    experiment: str = PlotStyle.experiment
    data: bool = PlotStyle.data
    status: str = PlotStyle.status
    energy: float | None = Field(None, ge=0)
    luminosity: float = Field(PlotStyle.luminosity, ge=0)
    signal: str = PlotStyle.signal
    background: str = PlotStyle.background
    formats: tuple[Literal["png", "pdf", "svg"], ...] = ("png", "pdf")
    dpi: int = Field(PlotStyle.dpi, ge=20, le=1200)

    @property
    def style(self) -> PlotStyle:
        """What the functions that draw take, without the energy of a sample."""
        return PlotStyle.of(self.model_dump())


class RunConfig(Section):
    """A whole run.

    Attributes:
        seed: of the split, the first parameters, the order of the data and dropout.
        data, graph, training: see there.
        model: ``name`` and the settings of that model.
        outputs: by name; best epoch and early stopping look at the first. Empty for one binary score of the label.
        logging: where the training reports to.
        plots: labels and files of the plots of its evaluation.
    """

    seed: int = Field(1, ge=0)
    data: DataConfig = DataConfig()
    graph: GraphConfig = GraphConfig()
    model: dict[str, Any] = Field(default_factory=lambda: {"name": "gat_cheb"})
    training: TrainingConfig = TrainingConfig()
    outputs: dict[str, OutputConfig] = Field(default_factory=dict)
    logging: LoggingConfig = LoggingConfig()
    plots: PlotsConfig = PlotsConfig()

    @property
    def model_name(self) -> str:
        """Name of the model in :data:`e2e_tf.models.MODELS`."""
        return str(self.model.get("name", "gat_cheb"))

    @property
    def model_settings(self) -> dict[str, Any]:
        """The settings of the model that are given, without its name."""
        return {key: value for key, value in self.model.items() if key != "name"}


def read_config(path: str | os.PathLike[str], changes: Sequence[str] = ()) -> RunConfig:
    """Read and check a configuration.

    Args:
        path: a TOML file.
        changes: texts ``KEY=VALUE``, which override the file, see :func:`e2e_tf.changes.with_changes`.

    Returns:
        The checked configuration.

    Raises:
        InputError: the file is missing or not TOML, a key is unknown or a value is not acceptable; the message
            names the key, what is accepted and what came.
    """
    return make_config(with_changes(read_toml(path), changes), str(path))


def plot_style(changes: Sequence[str], plots: PlotsConfig | None = None, energy: float = 0.0) -> PlotStyle:
    """Labels and files of plots, as changed on the command line.

    Args:
        changes: texts ``plots.KEY=VALUE``.
        plots: what they change; None for the defaults.
        energy: of the sample's collisions [TeV], 0 where it is not known.

    Returns:
        The style.

    Raises:
        InputError: another section is to be changed, a key is unknown or a value is not acceptable.
    """
    document = with_changes({"plots": (plots or PlotsConfig()).model_dump()}, changes)
    others = sorted(document.keys() - {"plots"})
    if others:
        raise InputError(
            f"only keys of the section plots can be set here, such as plots.status, not {others[0]!r}"
        )
    try:
        return PlotStyle.of(RunConfig.model_validate(document).plots.model_dump(), energy)
    except ValidationError as error:
        raise InputError(f"--set: {_one_sentence(error)}") from error


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The sections of a configuration file as they are; old names of keys are noted on the terminal.

    Args:
        path: a TOML file.

    Returns:
        The sections by name.

    Raises:
        InputError: the file is missing or not TOML.
    """
    path = Path(path)
    try:
        # Editors of Windows write a mark in front.
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"there is no configuration {path}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    for old in OLD_NAMES.keys() & document.get("data", {}):
        console().print(f"{path}: data.{old} is called data.{OLD_NAMES[old]} now", style="yellow")
    return document


def make_config(document: dict[str, Any], where: str = "the configuration") -> RunConfig:
    """A checked configuration from nested dictionaries; errors as :func:`read_config`.

    A key ``preset`` names one of :data:`e2e_tf.models.RUNS`, whose sections count where the document says nothing.

    Args:
        document: sections by name, as in a TOML file.
        where: what to call the document in a message.

    Returns:
        The checked configuration.

    Raises:
        InputError: as :func:`read_config`.
    """
    from e2e_tf.models import MODELS, model_settings, run_preset

    if "preset" in document:
        try:
            found = run_preset(document["preset"])
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        document = {key: value for key, value in document.items() if key != "preset"}
        for section, values in found.items():
            given = document.get(section, {})
            document[section] = {**values, **given} if isinstance(given, dict) else given
    try:
        config = RunConfig.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{where}: {_one_sentence(error)}") from error
    try:
        model_settings(config.model_name, config.model_settings)
        _ = config.graph.recipe  # refuses edges that cannot be read
        _check_outputs(config)
        if config.training.auxiliary_loss and MODELS[config.model_name].inputs != "graph":
            raise InputError(f"training.auxiliary_loss is for models on graphs, {config.model_name} is none")
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return config


def _check_outputs(config: RunConfig) -> None:
    from e2e_tf.models.heads import check_columns

    taken = {"label", "event", "jets", "run", "luminosityBlock", "index", "jet_index"}  # in files of scores
    for name in config.outputs:
        if not name.isidentifier() or name in taken:
            raise InputError(
                f"outputs must have names of letters, digits and _ that are none of {', '.join(sorted(taken))}, "
                f"not {name!r}"
            )
    check_columns({n: o.classes if o.kind == "multiclass" else () for n, o in config.outputs.items()})
    if config.training.mirror and config.outputs:
        from e2e_tf.data.mirror import odd_targets

        odd = odd_targets(
            [output.column for output in config.outputs.values() if output.kind == "regression"]
        )
        if odd:
            raise InputError(
                f"training.mirror: the target {odd[0]} would change sign with the jet; leave it out"
            )


def _one_sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    key = ".".join(where)
    if first["type"] == "value_error":  # of an output, a whole sentence already
        return f"{key}: {first['ctx']['error']}"
    if first["type"] == "extra_forbidden":
        section: Any = RunConfig
        for part in where[:-1]:
            members = typing.get_args(section)  # of a table of sections by name
            section = members[1] if members else section.model_fields[part].annotation
        return f"unknown key {key!r}; accepted here: {', '.join(section.model_fields)}"
    return f"{key}: {first['msg'][0].lower()}{first['msg'][1:]}, not {first['input']!r}"
