"""From a configuration to the three splits, the same in every command that needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from e2e_tf.config import RunConfig
from e2e_tf.data.duplicates import split_groups
from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.data.samples import SAMPLES, sample_path
from e2e_tf.data.weights import PtReweighting
from e2e_tf.errors import InputError
from e2e_tf.files import sha256
from e2e_tf.models import MODELS
from e2e_tf.terminal import status
from e2e_tf.training.examples import Examples, padded_rows
from e2e_tf.training.run import provenance_of
from e2e_tf.training.splits import split_by_event
from e2e_tf.training.targets import Target, make_target, scaled, target_scale
from e2e_tf.training.weighting import bins_of_pt, label_weights, trained_weights

__all__ = ["Prepared", "Split", "load_jets", "load_sample", "prepare", "sample_file"]


@dataclass(frozen=True)
class Split:
    """One part of the data.

    Attributes:
        jets: the jets, or images, which have the same columns but neither hits nor candidates.
        graphs: their graphs, normalised.
        weight: float32 (B,), the weights of the label that training uses.
        targets: what each output of the configuration is trained for; empty without a section ``[outputs]``.
        rows: inputs of whole jets, float32 (B, ...) by name, of a model that looks at no graph.
    """

    jets: Jets
    graphs: GraphData
    weight: np.ndarray
    targets: dict[str, Target] = field(default_factory=dict)
    rows: dict[str, np.ndarray] = field(default_factory=dict)

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
        source: what identifies the data, and the sizes of the parts.
        pt_edges: edges [GeV] of bins that cover the jets; none for jets without pT.
    """

    train: Split
    validation: Split
    test: Split
    preprocess: Preprocess
    reweighting: PtReweighting | None
    source: dict[str, Any]
    pt_edges: tuple[float, ...] = ()

    def provenance(self, model: Any, seed: int, best_epoch: int) -> dict[str, Any]:
        """What ``provenance.json`` of a training on these splits holds.

        Args:
            model: the trained Keras model.
            seed: of the training.
            best_epoch: whose parameters it has, counted from 0.

        Returns:
            What can be written as JSON, by name.
        """
        return provenance_of(
            self.source,
            None if self.reweighting is None else self.reweighting.to_dict(),
            parameters=int(model.count_params()),
            seed=seed,
            best_epoch=best_epoch,
        )


def sample_file(sample: str, base: Path | None = None) -> Path:
    """Where a sample lies, whether or not it is there.

    Args:
        sample: a name in :data:`SAMPLES` or a path, relative to ``base``.
        base: a folder; the working folder if None.

    Returns:
        The path of the file.
    """
    return sample_path(sample) if sample in SAMPLES else (base or Path()) / sample


def load_sample(
    sample: str, reader: str = "", base: Path | None = None, options: Mapping[str, Any] | None = None
) -> tuple[Jets | Images, dict[str, Any]]:
    """Jets or images of a shipped sample or of a file, and what identifies them.

    Args:
        sample: a name in :data:`SAMPLES` or a path, relative to ``base``.
        reader: a name in :data:`e2e_tf.data.readers.READERS`; empty recognises the format.
        options: more arguments of the reader.
        base: a folder; the working folder if None.

    Returns:
        The sample, and its name, file name and SHA-256.

    Raises:
        InputError: there is no such sample, or it cannot be read.
    """
    path = sample_file(sample, base)
    if not path.is_file():
        raise InputError(
            f"there is no sample {path}; data.sample takes a path or one of {', '.join(SAMPLES)}"
        )
    read: Jets | Images
    if reader in ("", "jets") and not options and _is_jets(path):
        read = read_jets(path)
    else:
        from e2e_tf.data.readers import open_reader

        read = open_reader(path, reader or None).read(**(options or {}))
    return read, {"sample": sample, "file": path.name, "sha256": sha256(path)}


def load_jets(sample: str, reader: str = "", base: Path | None = None) -> tuple[Jets, dict[str, Any]]:
    """As :func:`load_sample`, for jets only.

    Args:
        sample: a name in :data:`SAMPLES` or a path, relative to ``base``.
        reader: a name in :data:`e2e_tf.data.readers.READERS`; empty recognises the format.
        base: a folder; the working folder if None.

    Returns:
        The jets, and their sample's name, file name and SHA-256.

    Raises:
        InputError: there is no such sample, it cannot be read, or it holds images.
    """
    jets, source = load_sample(sample, reader, base)
    if not isinstance(jets, Jets):
        raise InputError(f"{sample} holds images; this needs jets with hits or candidates")
    return jets, source


def _is_jets(path: Path) -> bool:
    """True for this library's own format, and for damage that its reader explains best."""
    import h5py

    try:
        with h5py.File(path) as file:
            return "format" in file.attrs
    except OSError:
        return path.suffix in (".h5", ".hdf5")


def prepare(config: RunConfig, base: Path | None = None) -> Prepared:
    """Read, select, split, build graphs, normalise and weight.

    The normalisation, the pT weights and the factors of outputs are fitted on the training part only.

    Args:
        config: the run.
        base: where relative sample paths start; the working folder if None.

    Returns:
        The three parts with graphs, normalisation and weights.

    Raises:
        InputError: the sample cannot be used; the message says why.
    """
    data = config.data
    with status(f"Reading {data.sample}"):
        read, source = load_sample(data.sample, data.reader, base, data.options)
    jets = cast("Jets", read)  # of images nothing is used that they do not have
    by_label = not config.outputs or any(output.is_label for output in config.outputs.values())
    if jets.label is None and by_label:
        raise InputError(f"{data.sample} has no labels; training needs jets with truth")
    if "pt" not in jets.columns and (data.jet_pt is not None or (data.reweight_pt and by_label)):
        raise InputError(
            f"{data.sample} does not know the pT of its jets; leave out data.jet_pt and set data.reweight_pt to "
            f"false"
        )
    if data.jet_pt is not None:
        low, high = data.jet_pt
        jets = jets.take((jets["pt"] >= low) & (jets["pt"] < high))
    if by_label:
        signal = int(np.sum(jets.label == 1))
        for name, count in (("signal", signal), ("background", len(jets) - signal)):
            if not count:
                raise InputError(
                    f"{data.sample} has no {name} (label {int(name == 'signal')}) among its {len(jets)} jets"
                )
    kind = MODELS[config.model_name].inputs
    recipe = _recipe(config, kind, read)
    with status(f"Building {len(jets)} graphs ({recipe.nodes}, {recipe.edges})"):
        graphs = build_graphs(jets, recipe)
        seed = config.seed if data.split_seed is None else data.split_seed
        parts = split_by_event(split_groups(graphs), data.split, seed)
        split_graphs = [graphs.take(part) for part in parts]
        del graphs  # several GB of a large sample
    preprocess = split_graphs[0].fit_preprocess(recipe)
    split_jets = [jets.take(part) for part in parts]
    edges = bins_of_pt(config, split_jets[0], jets)
    event_weights = [j.weight if data.use_event_weights else np.ones(len(j), np.float32) for j in split_jets]
    base_weights = trained_weights(config, event_weights)
    weights, reweighting = base_weights, None
    if by_label:
        bins = edges if data.reweight_pt else None
        weights, reweighting = label_weights(split_jets, base_weights, event_weights[0], bins)
    targets: list[dict[str, Target]] = [{}, {}, {}]
    for name, output in config.outputs.items():
        chosen = weights if output.is_label else base_weights
        made = [
            make_target(name, output, part_jets, weight)
            for part_jets, weight in zip(split_jets, chosen, strict=True)
        ]
        scales = [np.ones(1)] * 3
        if not output.is_label:
            scales = [target_scale(output, made[0])] * 3
            if base_weights[0] is not event_weights[0]:  # evaluation keeps the signs
                signed = make_target(name, output, split_jets[0], event_weights[0])
                scales[2] = target_scale(output, signed)
        for part_targets, target, scale in zip(targets, made, scales, strict=True):
            part_targets[name] = scaled(target, scale)
    splits = [
        _split(part_jets, part_graphs.normalised(preprocess), weight, part_targets, kind, recipe)
        for part_jets, part_graphs, weight, part_targets in zip(
            split_jets, split_graphs, weights, targets, strict=True
        )
    ]
    counts = {
        name: {"jets": len(s.jets)} | ({} if s.jets.label is None else {"signal": int(np.sum(s.label == 1))})
        for name, s in zip(("train", "validation", "test"), splits, strict=True)
    }
    first, second, third = splits
    return Prepared(first, second, third, preprocess, reweighting, {**source, "splits": counts}, edges)


def _recipe(config: RunConfig, kind: str, sample: Jets | Images) -> GraphRecipe:
    """The recipe of a run's graphs; of a model that looks at no graph as little of one as there can be.

    Args:
        config: the run.
        kind: what its model takes, see :class:`e2e_tf.models.ModelEntry`.
        sample: the jets or images.

    Raises:
        InputError: the model cannot be given this sample.
    """
    recipe = config.graph.recipe
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


def _split(
    jets: Jets | Images,
    graphs: GraphData,
    weight: np.ndarray,
    targets: dict[str, Target],
    kind: str,
    recipe: GraphRecipe,
) -> Split:
    rows: dict[str, np.ndarray] = {}
    if kind == "dense":
        rows = {"x": padded_rows(graphs.batch, recipe.limit)}
    elif kind == "image" and isinstance(jets, Images):
        rows = {"image": jets.images}
    return Split(cast("Jets", jets), graphs, weight, targets, rows)
