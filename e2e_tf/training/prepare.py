"""From a configuration to the three splits, the same in every command that needs them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from e2e_tf.config import RunConfig
from e2e_tf.data.content import CONTENT_INPUT, jet_content
from e2e_tf.data.definition import collision_energy, jet_definition
from e2e_tf.data.derived import computed_inputs
from e2e_tf.data.duplicates import split_groups
from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.data.readers import READERS
from e2e_tf.data.source import JetSource
from e2e_tf.data.source_changes import unchanged
from e2e_tf.data.sources import source_of
from e2e_tf.data.stored import StoredJets
from e2e_tf.data.streamed import StreamedGraphs, StreamedJets
from e2e_tf.data.weights import PtReweighting
from e2e_tf.errors import InputError
from e2e_tf.models import MODELS, model_settings
from e2e_tf.terminal import status
from e2e_tf.training.compared import other_scores
from e2e_tf.training.examples import Examples, padded_rows
from e2e_tf.training.memory import in_pieces, memory_of
from e2e_tf.training.run import Run, provenance_of
from e2e_tf.training.splits import check_classes, check_parts, split_sample
from e2e_tf.training.start import Start, open_start
from e2e_tf.training.targets import Target, make_target, scaled, target_scale
from e2e_tf.training.weighting import bins_of_pt, label_weights, trained_weights

__all__ = [
    "Prepared",
    "Split",
    "model_rows",
    "prepare",
    "prepare_run",
]


@dataclass(frozen=True)
class Split:
    """One part of the data.

    Attributes:
        jets: the jets, or images, which have the same columns but neither hits nor candidates.
        graphs: their graphs, normalised; those that are read in pieces are
            :class:`~e2e_tf.data.streamed.StreamedGraphs`.
        weight: float32 (B,), the weights of the label that training uses.
        targets: what each output of the configuration is trained for; empty without a section ``[outputs]``.
        rows: inputs of whole jets, float32 (B, ...) by name: of a model that looks at no graph, or the targets of
            ``training.auxiliary_loss``.
        index: int64 (B,), the numbers of the jets among those of the sample that are selected.
    """

    jets: Jets
    graphs: Any
    weight: np.ndarray
    targets: dict[str, Target] = field(default_factory=dict)
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    index: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def label(self) -> np.ndarray:
        """int8 (B,).

        Raises:
            InputError: the sample has no labels, only other quantities to train for.
        """
        if self.jets.label is None:
            raise InputError("this sample has no labels; its outputs are trained for other columns")
        return self.jets.label

    @property
    def examples(self) -> Examples:
        """What a network is trained on: every input there is, the label or the targets, and their weights."""
        targets = self.targets
        return Examples(
            self.graphs.batch,
            {name: target.value for name, target in targets.items()} if targets else self.label,
            {name: target.weight for name, target in targets.items()} if targets else self.weight,
            self.graphs.node_inputs(),
            self.rows,
        )


@dataclass(frozen=True)
class Prepared:
    """The splits of a run, what normalises them and where they come from.

    Attributes:
        train, validation, test: the parts.
        preprocess: inputs, normalisation and graph, fitted on the training part.
        reweighting: factors by pT that training uses, if any.
        source: the files with their readers, options and SHA-256, and what was done with their jets.
        pt_edges: edges [GeV] of bins that cover the jets; none for jets without pT.
        start: what the training starts from, if anything; then ``preprocess`` is of that training.
    """

    train: Split
    validation: Split
    test: Split
    preprocess: Preprocess
    reweighting: PtReweighting | None
    source: JetSource
    pt_edges: tuple[float, ...] = ()
    start: Start | None = None

    @property
    def data(self) -> dict[str, Any]:
        """The entry ``data`` of ``provenance.json``: files, how their jets were made, sizes of the parts."""
        splits = {
            name: {"jets": len(s.jets)}
            | ({} if s.jets.label is None else {"signal": int(np.sum(s.label == 1))})
            for name, s in (("train", self.train), ("validation", self.validation), ("test", self.test))
        }
        definition = jet_definition(self.train.jets.attributes)
        energy = collision_energy(self.train.jets.attributes)
        memory = memory_of(self.source, isinstance(self.train.graphs, StreamedGraphs))
        return {
            **self.source.identity(),
            **({"memory": memory} if memory else {}),
            **({} if definition is None else {"jets": definition}),
            **({"energy": energy} if energy else {}),
            "splits": splits,
            "range": {
                name: [float(np.min(self.train.jets[name])), float(np.max(self.train.jets[name]))]
                for name in ("pt", "eta")
                if len(self.train.jets) and name in self.train.jets.columns
            },
        }

    def provenance(self, model: Any, seed: int, best_epoch: int) -> dict[str, Any]:
        """What ``provenance.json`` of a training on these splits holds.

        Args:
            model: the trained Keras model.
            seed: of the training.
            best_epoch: whose parameters it has, counted from 0.

        Returns:
            What can be written as JSON, by name.
        """
        started = {} if self.start is None else {"started_from": self.start.identity()}
        return started | provenance_of(
            self.data,
            None if self.reweighting is None else self.reweighting.to_dict(),
            parameters=int(model.count_params()),
            seed=seed,
            best_epoch=best_epoch,
        )


def prepare_run(run: Run) -> Prepared:
    """The parts that a finished run was trained on, from the files that it was trained on.

    Args:
        run: the run.

    Returns:
        As :func:`prepare`.

    Raises:
        InputError: a file has gone or is another one, which is named; or as :func:`prepare`.
    """
    what = f"{run.folder} was trained on"
    name = run.config.training.start
    start = Start(name, run.folder, run.preprocess) if name else None  # what it started from may have gone
    prepared = prepare(run.config, run.base, run.source, what, start)
    if run.source is None:  # of an earlier version
        trained, now = run.provenance["data"]["sha256"], prepared.source.identity()["sha256"]
        if trained != now:
            raise InputError(
                f"{what} another {run.config.data.title}: its SHA-256 was {trained[:12]}…, it is {now[:12]}… now"
            )
    return prepared


def prepare(
    config: RunConfig,
    base: Path | None = None,
    source: JetSource | None = None,
    what: str = "it was trained on",
    start: Start | None = None,
) -> Prepared:
    """Read, select, split, build graphs, normalise and weight.

    The normalisation, the pT weights and the factors of outputs are fitted on the training part only.

    Args:
        config: the run.
        base: where relative sample paths start; the working folder if None.
        source: the files to take, in place of those of the configuration; they must be what it says of them.
        what: how a sentence about another source begins, such as "RUN was trained on".
        start: in place of what ``training.start`` names.

    Returns:
        The three parts with graphs, normalisation and weights.

    Raises:
        InputError: the sample cannot be used, or it is another one than ``source`` says; the message says why.
    """
    data, base = config.data, base or Path()
    with status(f"Reading {data.title if source is None else source.title}"):
        source = unchanged(source_of(data) if source is None else source, base, what)
        streamed = in_pieces(config, source, base)
        read = source.read(base, streamed)
    jets = cast("Jets", read)  # of images nothing is used that they do not have
    by_label = not config.outputs or any(output.is_label for output in config.outputs.values())
    if jets.label is None and by_label:
        raise InputError(f"{data.title} has no labels; training needs jets with truth{_told_by(source)}")
    if "pt" not in jets.columns and (data.jet_pt is not None or (data.reweight_pt and by_label)):
        raise InputError(
            f"{data.title} does not know the pT of its jets; leave out data.jet_pt and set data.reweight_pt to "
            f"false"
        )
    other_scores(data.compare, jets)
    keep = source.selected(read)
    if not keep.all():
        if not keep.any():
            raise InputError(f"no jet of {data.title} passes data.jet_pt and data.selection")
        jets = jets.take(keep)
    if by_label:
        signal = int(np.sum(jets.label == 1))
        for name, count in (("signal", signal), ("background", len(jets) - signal)):
            if not count:
                raise InputError(
                    f"{data.title} has no {name} (label {int(name == 'signal')}) among its {len(jets)} jets; "
                    "data.sample takes several files, and [data.samples.NAME] gives files a label"
                )
    name = config.model_name
    recipe = _recipe(config, read)
    with status(f"Building {len(jets)} graphs ({recipe.nodes}, {recipe.edges})"):
        graphs = build_graphs(jets, recipe)
        seed = config.seed if data.split_seed is None else data.split_seed
        if not graphs.batch.n_node.any() and MODELS[name].inputs != "image":
            raise InputError(
                f"no jet of {data.title} has a node; a model needs some: look at data.candidate_selection and at the "
                f"{recipe.nodes} of the file"
            )
        parts = split_sample(data, jets, split_groups(graphs), seed)
        split_jets = [jets.take(part) for part in parts]
        check_parts(data, split_jets, by_label)
        split_graphs = [graphs.take(part) for part in parts]
        del graphs  # several GB of a large sample
    preprocess = split_graphs[0].fit_preprocess(recipe)
    if computed := _computed(source, preprocess):
        preprocess = replace(preprocess, extra={**preprocess.extra, **computed})
    start = start or open_start(config.training.start, base)
    if start is not None:
        preprocess = start.normalisation_for(preprocess)
    edges = bins_of_pt(config, split_jets[0], jets)
    event_weights = [j.weight if data.weighted else np.ones(len(j), np.float32) for j in split_jets]
    base_weights = trained_weights(config, event_weights)
    weights, reweighting = base_weights, None
    if by_label:
        bins = edges if data.reweight_pt else None
        weights, reweighting = label_weights(split_jets, base_weights, event_weights[0], bins)
    targets: list[dict[str, Target]] = [{}, {}, {}]
    for key, output in config.outputs.items():
        chosen = weights if output.is_label else base_weights
        made = [
            make_target(key, output, part_jets, weight)
            for part_jets, weight in zip(split_jets, chosen, strict=True)
        ]
        scales = [np.ones(1)] * 3
        if not output.is_label:
            scales = [target_scale(output, made[0])] * 3
            if base_weights[0] is not event_weights[0]:  # evaluation keeps the signs
                signed = make_target(key, output, split_jets[0], event_weights[0])
                scales[2] = target_scale(output, signed)
        if output.kind != "regression":
            for part_name, target in zip(("training", "validation", "test"), made, strict=True):
                check_classes(part_name, f"outputs.{key}", target)
        for part_targets, target, scale in zip(targets, made, scales, strict=True):
            part_targets[key] = scaled(target, scale)
    contents = _contents(config, split_jets[:2])
    splits = [
        Split(
            part_jets, made, weight, part_targets, model_rows(name, part_jets, made, recipe) | content, part
        )
        for part_jets, made, weight, part_targets, content, part in zip(
            split_jets,
            (graphs.normalised(preprocess) for graphs in split_graphs),
            weights,
            targets,
            [*contents, {}],
            parts,
            strict=True,
        )
    ]
    first, second, third = splits
    return Prepared(first, second, third, preprocess, reweighting, source, edges, start)


def _told_by(source: JetSource) -> str:
    """The option that says which jets are signal, where a reader of the source has one."""
    readers = [READERS[part.reader] for part in source.parts if part.reader in READERS]
    found = [one.name for one in readers if "signal" in inspect.signature(one.read).parameters]
    return f" (data.options.signal of the reader {found[0]} says which jets are signal)" if found else ""


def _contents(config: RunConfig, jets: Sequence[Any]) -> list[dict[str, np.ndarray]]:
    """Targets of ``training.auxiliary_loss`` of each part, with mean 0 and spread 1 in the first, the training part."""
    if not config.training.auxiliary_loss:
        return [{} for _ in jets]
    # Images and finished graphs have no candidates.
    made = [jet_content(part.candidates if isinstance(part, Jets) else None) for part in jets]
    mean, spread = made[0].mean(axis=0, dtype=np.float64), made[0].std(axis=0, dtype=np.float64)
    spread = np.where(spread > 0, spread, 1)
    return [{CONTENT_INPUT: ((values - mean) / spread).astype(np.float32)} for values in made]


def _computed(source: JetSource, preprocess: Preprocess) -> dict[str, Any]:
    """What ``preprocess.json`` says of columns that are computed and of jets that are selected."""
    of_jets = preprocess.jet_features
    inputs = {
        "candidates": [*(f.raw for f in preprocess.node_features.features), *preprocess.coordinates],
        "jets": [] if of_jets is None else [f.raw for f in of_jets.features],
    }
    columns = computed_inputs(source.columns, inputs)
    found = {"columns": columns, "selection": source.selection.get("selection")}
    return {key: value for key, value in found.items() if value}


def _recipe(config: RunConfig, sample: Jets | Images) -> GraphRecipe:
    """The recipe of a run's graphs; of a model that looks at no graph as little of one as there can be.

    Args:
        config: the run.
        sample: the jets or images.

    Raises:
        InputError: the model cannot be given this sample.
    """
    recipe, kind = config.graph.recipe, MODELS[config.model_name].inputs
    pairs = getattr(model_settings(config.model_name, config.model_settings), "pairs", "")
    if pairs == "p4" and isinstance(sample, StoredJets | StreamedJets):
        raise InputError(
            f"model.pairs is 'p4', momenta of nodes, which graph stores do not hold: train from the files that "
            f"{config.data.title} was made of, or take pairs = 'features' or 'graph'"
        )
    if kind == "dense":
        if not recipe.limit:
            raise InputError(
                f"{config.model_name} takes the features of a jet's nodes as one row; graph.max_nodes must say how "
                f"many nodes that are, not 0"
            )
        return replace(recipe, edges="knn:1")
    if kind == "image" and isinstance(sample, Images):
        return replace(recipe, edges="knn:1", max_nodes=1)
    return recipe


def model_rows(
    name: str, jets: Jets | Images, graphs: GraphData, recipe: GraphRecipe
) -> dict[str, np.ndarray]:
    """Inputs of whole jets, of a model that looks at no graph.

    Args:
        name: of the model.
        jets: the jets, or images.
        graphs: of them, normalised.
        recipe: that they were built by.

    Returns:
        float32 (B, ...) by name; nothing for a model on graphs.
    """
    kind = MODELS[name].inputs
    if kind == "dense":
        return {"x": padded_rows(graphs.batch, recipe.limit)}
    return {"image": jets.images} if kind == "image" and isinstance(jets, Images) else {}
