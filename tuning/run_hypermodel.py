"""A run of this library as a HyperModel: from hyperparameters to a configuration, a model and its training.

A HyperModel of your own needs ``build(hp)`` and, if ``model.fit`` alone will not do, ``fit(hp, model, **kwargs)``,
as Keras Tuner has them; ``tune`` runs either kind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras_tuner

from e2e_tf.config import GraphConfig, RunConfig, TrainingConfig, make_config
from e2e_tf.data.features import HIT_FEATURES
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphSpec
from e2e_tf.models import MODELS, model_settings
from e2e_tf.training.examples import Examples
from e2e_tf.training.loop import compile_model, new_model, steps_per_epoch, train_model
from e2e_tf.training.run import begin_run, end_run, provenance_of
from e2e_tf.training.start import open_start
from e2e_tf.training.targets import label_output
from e2e_tf.tuning.cache import TrialData, trial_data
from e2e_tf.tuning.config import TuneConfig
from e2e_tf.tuning.objectives import Objective, run_objective
from e2e_tf.tuning.space import SearchSpace

__all__ = ["Infeasible", "RunHyperModel"]


class Infeasible(Exception):
    """A model that may not be used, however good; not a failure.

    Attributes:
        metrics: what was measured.
        excess: by which factor it misses what is allowed, above 1.
    """

    def __init__(self, message: str, metrics: Mapping[str, float], excess: float) -> None:
        super().__init__(message)
        self.metrics, self.excess = dict(metrics), excess


class RunHyperModel(keras_tuner.HyperModel):
    """A run of this library with some of its settings varied.

    Args:
        config: the run that is varied.
        tune: the section ``[tune]``.
        base: where relative sample paths start.
        cache: folder for the graphs that trials share.

    Raises:
        InputError: the space has unknown parameters, is empty, or has values that the configuration refuses.
    """

    #: Settings of the model that stand for several of its own, see :meth:`shape`.
    SHAPES: tuple[str, ...] = ()
    #: The usual space of the model's own settings, besides dropout.
    USUAL: Mapping[str, Any] = MappingProxyType({})
    #: Modules worth importing before trials are forked.
    PRELOAD = (
        "e2e_tf.layers",
        "e2e_tf.training.callbacks",
        "e2e_tf.training.metrics",
        "e2e_tf.training.predict",
        "sklearn.metrics",
        "tensorboard.plugins.hparams.summary_v2",
        "tensorboard.summary.writer.event_file_writer",
        "e2e_tf.tuning.epoch_log",
    )

    def __init__(self, config: RunConfig, tune: TuneConfig, base: Path, cache: Path) -> None:
        super().__init__(name=config.model_name)
        kind = MODELS[config.model_name].inputs
        if tune.latency_ms is not None and kind != "graph":
            raise InputError(
                f"tune.latency_ms is for models on graphs, which can be exported; {config.model_name} takes "
                f"{'images' if kind == 'image' else 'rows'}"
            )
        self.config, self.tune, self.base, self.cache = config, tune, base, cache
        self.objective = run_objective(tune, config)
        # None in the configuration takes the usual space; an empty table is a mistake that parse() reports.
        document = self.default_space() if tune.space is None else tune.space
        self.space = self._with_parents(SearchSpace.parse(document, self.accepted()))
        self._check()
        self._data: TrialData | None = None
        self.seed = config.seed

    # ---- the space

    def accepted(self) -> dict[str, Sequence[str]]:
        """The parameters there are, by section.

        Returns:
            Names of parameters by section.
        """
        settings = [field.name for field in dataclasses.fields(MODELS[self.config.model_name].settings)]
        training = [
            key
            for key in TrainingConfig.model_fields
            if key != "epochs" or self.tune.algorithm != "hyperband"
        ]
        return {
            "graph": ["k", *GraphConfig.model_fields],
            "model": [*settings, *self.SHAPES],
            "training": training,
        }

    def default_space(self) -> dict[str, Any]:
        """The usual space of the model; what its settings do not have stays out.

        Returns:
            A space, as in the section ``[tune.space]``.
        """
        settings = {field.name for field in dataclasses.fields(MODELS[self.config.model_name].settings)}
        model = {"dropout": {"low": 0.0, "high": 0.4, "step": 0.1}, **self.USUAL}
        training: dict[str, Any] = {
            "learning_rate": {"low": 3e-4, "high": 1e-2, "log": True},
            "optimizer": ["rmsprop", "adam"],
            "schedule": ["cosine", "constant"],
            "batch_size": [32, 64, 128],
        }
        document: dict[str, Any] = {
            "model": {key: given for key, given in model.items() if key in settings or key in self.SHAPES},
            "training": training,
        }
        if MODELS[self.config.model_name].inputs != "graph":
            return document
        graph = self.config.graph
        edges = dict.fromkeys([str(graph.recipe.spec), "knn:8", "knn:8+delaunay", "delaunay"])
        document["graph"] = {"edges": [*edges], "k": {"low": 4, "high": 16, "step": 4}}
        if graph.nodes == "hits":  # energies and positions alone, without the derivatives of the image
            plain = [feature.raw for feature in HIT_FEATURES[:5]]
            document["graph"]["node_features"] = [list(graph.node_features), plain]
        return document

    def defaults(self) -> dict[str, Any]:
        """The value that the configuration itself has for each parameter, where it has one.

        Returns:
            Values by ``section.key``.
        """
        flat = {f"graph.{key}": value for key, value in self.config.graph.model_dump().items()}
        flat["graph.edges"] = str(self.config.graph.recipe.spec)
        flat |= {f"training.{key}": value for key, value in self.config.training.model_dump().items()}
        settings = dataclasses.asdict(model_settings(self.config.model_name, self.config.model_settings))
        flat |= {f"model.{key}": value for key, value in settings.items()}
        if self.config.graph.recipe.spec.k:
            flat["graph.k"] = self.config.graph.recipe.spec.k
        return flat

    def declare_hyperparameters(self, hp: Any) -> None:
        """Register the whole space; no model is built for it.

        Args:
            hp: Keras Tuner's hyperparameters.
        """
        self.space.declare(hp, self.defaults())

    def shape(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of the model that the parameters in :attr:`SHAPES` stand for.

        Args:
            given: values of shapes by name.

        Returns:
            Settings of the model by name.
        """
        return {}

    def configure(self, values: Mapping[str, Any]) -> RunConfig:
        """The run configuration that parameter values describe.

        Args:
            values: by ``section.key``; other settings stay those of the configuration.

        Returns:
            The checked configuration.

        Raises:
            InputError: the configuration refuses a value.
        """
        document = self.config.model_dump()
        model = dict(self.config.model)
        shapes = {}
        for name, value in values.items():
            section, _, key = name.partition(".")
            if section == "model" and key in self.SHAPES:
                shapes[key] = value
            elif section == "model":
                model[key] = value
            elif name != "graph.k":
                document[section][key] = value
        if "graph.k" in values:
            document["graph"]["edges"] = _with_k(document["graph"]["edges"], values["graph.k"])
        document["model"] = {"name": self.config.model_name, **model, **self.shape(shapes)}
        return make_config(document, "the values of a trial")

    def _with_parents(self, space: SearchSpace) -> SearchSpace:
        """``graph.k`` counts only where the graph has nearest neighbours."""
        edges = space.parameters.get("graph.edges")
        if "graph.k" not in space or edges is None or not edges.choices:
            return space
        with_knn = tuple(c for c in edges.choices if GraphSpec.parse(c).k)
        parameters = dict(space.parameters)
        parameters["graph.k"] = dataclasses.replace(parameters["graph.k"], parent=("graph.edges", with_knn))
        return SearchSpace([*parameters.values()])

    def _check(self) -> None:
        if "graph.k" in self.space and "graph.edges" not in self.space:
            _with_k(self.config.graph.edges, 1)
        for parameter in self.space:
            for value in parameter.probes():
                try:
                    self.configure({parameter.name: value})
                except InputError as error:
                    message = str(error).removeprefix("the values of a trial: ")
                    raise InputError(f"tune.space.{parameter.name} has {value!r}: {message}") from error

    # ---- one trial

    def data(self, config: RunConfig) -> TrialData:
        """The splits of a configuration, shared by the trials with the same graph.

        Args:
            config: of a trial.

        Returns:
            The splits with their graphs.

        Raises:
            InputError: as :func:`e2e_tf.training.prepare.prepare`.
        """
        return trial_data(config, self.base, self.cache)

    def warm_up(self) -> None:
        """Build the graphs of the configuration itself and draw a batch, before trials are forked.

        Compiled graph code is loaded once for all of them, and a sample that cannot be used shows at once.

        Raises:
            InputError: as :func:`e2e_tf.training.prepare.prepare`.
        """
        from e2e_tf.data.loader import DisjointLoader

        graphs = self.data(self.config).train.graphs
        next(DisjointLoader(graphs, batch_size=8, bucket=True, shuffle=True).batches())

    def build(self, hp: Any) -> Any:
        """The compiled model of one trial; reads its data on the way.

        Args:
            hp: Keras Tuner's hyperparameters with the values of the trial.

        Raises:
            InputError: the sample cannot be used, or the model takes an input that it lacks.
        """
        config = self.configure(self.space.values(hp))
        self._data = self.data(config)
        train = self._data.train
        start = open_start(config.training.start, self.base)
        model = new_model(config, train, self._data.preprocess, self.seed, start)
        compile_model(model, config.training, steps_per_epoch(len(train), config.training), config.outputs)
        return model

    def fit(
        self,
        hp: Any,
        model: Any,
        *,
        callbacks: Sequence[Any] = (),
        epochs: int | None = None,
        initial_epoch: int = 0,
    ) -> dict[str, float]:
        """Train, and measure what the objective needs; gives the metrics of the best epoch.

        Args:
            hp: as for :meth:`build`.
            model: from :meth:`build`, or a saved one that goes on.
            callbacks: Keras callbacks; an EpochLog among them is used.
            epochs: train up to this epoch; None for all of the configuration.
            initial_epoch: epochs that the model has seen.

        Returns:
            Metrics by name.

        Raises:
            Infeasible: the exported model is too slow.
        """
        from e2e_tf.tuning.epoch_log import EpochLog

        config = self.configure(self.space.values(hp))
        data = self._data or self.data(config)
        metrics: dict[str, float] = {"parameters": float(model.count_params())}
        if self.tune.latency_ms is not None:
            from e2e_tf.tuning.latency import latency_ms

            metrics["latency_ms"] = latency_ms(model, config, data)
            if metrics["latency_ms"] > self.tune.latency_ms:
                raise Infeasible(
                    f"one jet takes {metrics['latency_ms']:.2f} ms, more than the {self.tune.latency_ms:g} ms allowed",
                    metrics,
                    metrics["latency_ms"] / self.tune.latency_ms,
                )
        log = next((c for c in callbacks if isinstance(c, EpochLog)), None) or EpochLog(self.objective)
        train_model(
            model,
            config.training,
            data.train,
            data.validation,
            preprocess=data.preprocess,
            seed=self.seed,
            callbacks=[log, *(c for c in callbacks if c is not log)],
            epochs=epochs,
            initial_epoch=initial_epoch,
        )
        metrics |= log.best_metrics
        if self.objective.efficiency is not None:
            metrics[self.objective.name] = _rejection(model, config, data.validation, self.objective)
        return metrics

    def write_run(self, folder: Path, hp: Any, entry: Mapping[str, Any], seed: int) -> None:
        """Make the folder of a trial, which has its ``model.keras``, a run folder that other commands open.

        Args:
            folder: of the trial.
            hp: as for :meth:`build`.
            entry: ``metrics``, ``history`` and ``best_epoch`` of the training.
            seed: of the training.
        """
        config = self.configure(self.space.values(hp))
        data = self._data or self.data(config)
        begin_run(folder, config, self.base, data.preprocess, data.source)
        provenance = provenance_of(
            data.data,
            data.reweighting,
            parameters=int(entry["metrics"]["parameters"]),
            seed=seed,
            best_epoch=entry["best_epoch"],
        )
        end_run(folder, entry["history"], {**provenance, "resumed_at_epochs": []})


def _with_k(edges: str, k: int) -> str:
    """The same graph with another number of nearest neighbours."""
    spec = GraphSpec.parse(edges)
    if not spec.k:
        raise InputError(f"tune.space.graph.k needs a graph with knn, graph.edges is {edges!r}")
    return str(GraphSpec(tuple((name, k if name == "knn" else number) for name, number in spec.parts)))


def _rejection(model: Any, config: RunConfig, validation: Examples, objective: Objective) -> float:
    """The background rejection on the validation part, of the output that is the label."""
    from e2e_tf.training.metrics import background_rejection
    from e2e_tf.training.predict import predict_examples

    assert objective.efficiency is not None
    name, found = label_output(config), predict_examples(model, validation)
    label, score, weight = validation.label, found, validation.weight
    if name:
        label, score, weight = label[name], found[name], weight[name]
    return background_rejection(label, score[:, 0], objective.efficiency, weight).value
