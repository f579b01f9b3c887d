"""Models by name, each a Keras functional model built from a small dataclass.

:data:`MODELS` says what each takes. Graph models take disjoint batches and turn them into padded blocks in a
layer called ``blocks``, where an export can cut.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from e2e_tf.data.preprocess import Preprocess
from e2e_tf.errors import InputError
from e2e_tf.models.auxiliary import auxiliary_heads, with_auxiliary, without_auxiliary
from e2e_tf.models.deep_sets import DeepSets, deep_sets
from e2e_tf.models.detector_net import DetectorNet, detector_net, wanted_columns
from e2e_tf.models.egamma_hybrid import EGammaHybrid, egamma_hybrid
from e2e_tf.models.event_images import EventImages, event_images
from e2e_tf.models.fcn import FCN, fcn
from e2e_tf.models.gat_cheb import GATCheb, gat_cheb
from e2e_tf.models.gcn_belle import GCNBelle, gcn_belle
from e2e_tf.models.graph_net import GraphNet, graph_net
from e2e_tf.models.heads import Head, Outputs, head_losses
from e2e_tf.models.inputs import check_inputs
from e2e_tf.models.level2_cnn import LEVEL2_COLUMNS, Level2CNN, level2_cnn
from e2e_tf.models.particle_attention import ParticleTransformer, particle_attention
from e2e_tf.models.particle_net import ParticleNet, ParticleNetLite, particle_net
from e2e_tf.models.presets import RUNS, TRAINING, TrainingPreset, run_preset, training_preset
from e2e_tf.models.quark_gluon_cnn import QuarkGluonCNN, quark_gluon_cnn
from e2e_tf.models.weaver import load_weaver

__all__ = [
    "FCN",
    "MODELS",
    "RUNS",
    "TRAINING",
    "DeepSets",
    "DetectorNet",
    "EGammaHybrid",
    "EventImages",
    "GATCheb",
    "GCNBelle",
    "GraphNet",
    "Head",
    "Level2CNN",
    "ModelEntry",
    "ParticleNet",
    "ParticleNetLite",
    "ParticleTransformer",
    "QuarkGluonCNN",
    "TrainingPreset",
    "auxiliary_heads",
    "build_model",
    "check_inputs",
    "deep_sets",
    "detector_net",
    "egamma_hybrid",
    "event_images",
    "fcn",
    "fill_settings",
    "gat_cheb",
    "gcn_belle",
    "graph_net",
    "head_losses",
    "level2_cnn",
    "load_weaver",
    "model_settings",
    "particle_attention",
    "particle_net",
    "quark_gluon_cnn",
    "run_preset",
    "training_preset",
    "with_auxiliary",
    "without_auxiliary",
]


class ModelEntry(NamedTuple):
    """What :data:`MODELS` holds of a model.

    Attributes:
        settings: its dataclass.
        build: function of (n_features, n_globals, settings, outputs).
        inputs: ``graph``, ``image`` or ``dense``.
        summary: a few words.
        example: n_features and n_globals that ``parameters`` was counted for.
        parameters: number of parameters of the default settings with one output.
    """

    settings: type
    build: Callable[..., Any]
    inputs: str
    summary: str
    example: tuple[int, int]
    parameters: int


MODELS: dict[str, ModelEntry] = {
    "gat_cheb": ModelEntry(GATCheb, gat_cheb, "graph", "attention and Chebyshev layers", (17, 2), 133537),
    "particle_net": ModelEntry(
        ParticleNet, particle_net, "graph", "edge convolutions on dynamic neighbours", (17, 2), 372869
    ),
    "particle_net_lite": ModelEntry(
        ParticleNetLite, particle_net, "graph", "the same, smaller", (17, 2), 28517
    ),
    "particle_attention": ModelEntry(
        ParticleTransformer,
        particle_attention,
        "graph",
        "Particle Transformer, small or as published",
        (17, 2),
        141391,
    ),
    "deep_sets": ModelEntry(DeepSets, deep_sets, "graph", "a sum over nodes, without edges", (17, 2), 83957),
    "detector_net": ModelEntry(
        DetectorNet, detector_net, "graph", "interaction networks on tracks and deposits", (24, 2), 64609
    ),
    "level2_cnn": ModelEntry(
        Level2CNN, level2_cnn, "graph", "convolutions on 5 x 5 cells, of CMS's tau trigger", (31, 2), 23903
    ),
    "graph_net": ModelEntry(GraphNet, graph_net, "graph", "graph network of ErUm-Data", (7, 0), 805377),
    "gcn_belle": ModelEntry(GCNBelle, gcn_belle, "graph", "decay trees of Belle II", (9, 0), 138729),
    "fcn": ModelEntry(FCN, fcn, "dense", "dense layers of ErUm-Data", (400, 0), 826625),
    "egamma_hybrid": ModelEntry(
        EGammaHybrid, egamma_hybrid, "image", "electrons and photons on EfficientNetB2", (2, 0), 8139869
    ),
    "quark_gluon_cnn": ModelEntry(
        QuarkGluonCNN, quark_gluon_cnn, "image", "depthwise convolutions, with pT and mass", (3, 2), 250753
    ),
    "event_images": ModelEntry(
        EventImages, event_images, "image", "drawn collision events on ResNet50 and others", (3, 0), 25686913
    ),
}
"""Every model by name."""


def model_settings(name: str, settings: Mapping[str, Any] | None = None) -> Any:
    """The settings dataclass of a model, filled from a mapping.

    Args:
        name: a name in :data:`MODELS`.
        settings: values by the names of its fields; the others keep their defaults.

    Returns:
        An instance of ``MODELS[name].settings``.

    Raises:
        InputError: the model or a setting is unknown, or a value has the wrong type or is out of range.
    """
    from pydantic import TypeAdapter, ValidationError

    if name not in MODELS:
        raise InputError(f"model.name must be one of {', '.join(MODELS)}, not {name!r}")
    kind = MODELS[name].settings
    fields = [field.name for field in dataclasses.fields(kind)]
    unknown = sorted(set(settings or {}) - set(fields))
    if unknown:
        raise InputError(f"unknown key 'model.{unknown[0]}'; {name} accepts {', '.join(fields)}")
    try:
        return TypeAdapter(kind).validate_python(dict(settings or {}))
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "value_error":  # from the dataclass itself, a whole sentence
            raise InputError(str(first["ctx"]["error"])) from error
        key = ".".join(str(part) for part in ("model", *first["loc"]))
        raise InputError(f"{key}: {first['msg']}, not {first['input']!r}") from error


def fill_settings(name: str, settings: Mapping[str, Any], preprocess: Preprocess) -> dict[str, Any]:
    """Settings with what follows from a training's inputs filled in.

    That is where ``particle_attention`` with ``pairs = "features"`` finds pT, Δη and Δφ among its features and how
    their normalisation is undone, and ``detector_net`` and ``level2_cnn`` on detector objects the places, energies and
    kinds. What is given already stays, and so does every other model's settings.

    Args:
        name: of the model.
        settings: as for :func:`build_model`.
        preprocess: of the training.

    Returns:
        A new dictionary for :func:`build_model`.

    Raises:
        InputError: a feature that is needed is not among them, or has another transform; or nodes are of another sort
            than the model needs.
    """
    filled = dict(settings)
    if name == "particle_attention" and filled.get("pairs") == "features" and not filled.get("pair_columns"):
        wanted, what = (("pt", "log"), ("deta", "identity"), ("dphi", "identity")), "pairs = 'features'"
        filled |= _undone(preprocess, wanted, what, ("pair_columns", "pair_median", "pair_norm"))
    if name == "detector_net" and preprocess.nodes == "detector" and not filled.get("columns"):
        needed = wanted_columns(filled.get("groups", 0))
        filled |= _undone(preprocess, needed, name, ("columns", "median", "norm_factor"))
    if name == "level2_cnn" and not filled.get("columns"):
        if preprocess.nodes != "detector":
            raise InputError(f"level2_cnn needs graph.nodes = 'detector', not {preprocess.nodes!r}")
        filled |= _undone(preprocess, LEVEL2_COLUMNS, name, ("columns", "median", "norm_factor"))
    return filled


def _undone(
    preprocess: Preprocess, wanted: Sequence[tuple[str, str]], what: str, keys: tuple[str, str, str]
) -> dict[str, Any]:
    """Columns of features (raw name and transform), their medians and factors, under these keys."""
    norm = preprocess.node_features
    known = [(feature.raw, feature.transform) for feature in norm.features]
    missing = [f"{raw}:{transform}" for raw, transform in wanted if (raw, transform) not in known]
    if missing:
        raise InputError(
            f"{what} needs the node features {', '.join(missing)}; there are "
            f"{', '.join(f'{raw}:{transform}' for raw, transform in known)}"
        )
    columns = [known.index(entry) for entry in wanted]
    medians, factors = ([float(values[c]) for c in columns] for values in (norm.median, norm.norm_factor))
    return {keys[0]: columns, keys[1]: medians, keys[2]: factors}


def build_model(
    name: str,
    n_features: int,
    n_globals: int,
    settings: Mapping[str, Any] | None = None,
    outputs: Outputs = 1,
) -> Any:
    """A Keras model by name; see :data:`MODELS`.

    Args:
        name: a name in :data:`MODELS`.
        n_features: features of a node, channels of an image, or inputs of an entry.
        n_globals: features of a whole graph, image or entry, 0 for none.
        settings: fields of the model's dataclass.
        outputs: 1 for a sigmoid, a larger number for a softmax, a :class:`Head`, or several by name.

    Returns:
        A ``keras.Model`` that is not compiled; its inputs are a dictionary, by name.

    Raises:
        InputError: as :func:`model_settings`, or the model cannot have these inputs or outputs.
    """
    chosen = model_settings(name, settings)
    try:
        return MODELS[name].build(n_features, n_globals, chosen, outputs)
    except ValueError as error:
        taken = re.search(r'The name "([^"]+)" is used', str(error))  # by Keras
        if taken is None or not isinstance(outputs, Mapping) or taken[1] not in outputs:
            raise
        raise InputError(
            f"an output cannot be called {taken[1]}, as an input or a layer of {name} is; choose another name"
        ) from error
