"""The forms of a model in a bundle, one function each: it writes files and gives the entries of the manifest.

A form is registered with :func:`writes`; a new one takes a function here, an entry in the schema of the manifest and
a runner.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.compat import read_saved_model
from e2e_tf.deploy import lowering
from e2e_tf.deploy.agreement import SMALLER
from e2e_tf.deploy.cost import auc_cost
from e2e_tf.deploy.exportable import exportable
from e2e_tf.deploy.exported import Export, freeze
from e2e_tf.deploy.interface import OUTPUT
from e2e_tf.deploy.padded import padded_feeds, padded_function
from e2e_tf.deploy.profiles import check_onnx
from e2e_tf.deploy.runners import onnx_runner
from e2e_tf.deploy.samples import sized_batches
from e2e_tf.errors import InputError
from e2e_tf.terminal import say, status
from e2e_tf.training.targets import label_output

__all__ = ["FORMATS", "add_auc_cost", "write_fixed", "write_forms", "write_fused", "write_one_jet"]

Entries = dict[str, dict[str, Any]]
Writer = Callable[[Export, Sequence[str]], Entries]
_WRITERS: dict[str, Writer] = {}
_COSTS = [
    (60, 40, 20, 10, 5, 3, 1, 0)
] * 8  # nodes of the jets on which the cost of smaller forms is measured
_SMALLER: Mapping[str, Callable[[Any, bool], Any]] = {
    "float16": lambda model, lists: lowering.float16_weights(model),
    "int8": lowering.int8_weights,
}


def writes(form: str) -> Callable[[Writer], Writer]:
    """Register the function that writes a form.

    Args:
        form: its name in the option ``formats``.

    Returns:
        The decorator, which gives the function as it is.
    """

    def register(writer: Writer) -> Writer:
        _WRITERS[form] = writer
        return writer

    return register


def write_forms(export: Export, formats: Sequence[str], smaller: Sequence[str]) -> Entries:
    """Write a model in several forms.

    Args:
        export: what is exported, and where to.
        formats: of :data:`FORMATS`.
        smaller: of ``float16`` and ``int8``: forms of ONNX with weights of fewer bits.

    Returns:
        The entries of the manifest by their key.

    Raises:
        InputError: the release cannot run the model, or an operation cannot be converted.
    """
    entries: Entries = {}
    for form, write in _WRITERS.items():
        if form in formats:
            entries |= write(export, smaller)
    return entries


@writes("pb")
def _frozen_graph(export: Export, smaller: Sequence[str]) -> Entries:
    (export.folder / "model.pb").write_bytes(export.graph.SerializeToString())
    return {"frozen_graph": {"file": "model.pb", **export.raw_names()}}


@writes("savedmodel")
@status("Writing the SavedModel")
def _saved_model(export: Export, smaller: Sequence[str]) -> Entries:
    """The SavedModel around the same frozen function, with the raw tensor names that CMSSW's callers need."""
    import tensorflow as tf

    def load() -> None:
        tf.compat.v1.import_graph_def(export.graph, name="")

    wrapped = tf.compat.v1.wrap_function(load, [])
    # CMSSW restores variables from the SavedModel; a frozen function has none, so nothing can go missing.
    function = wrapped.prune([f"{name}:0" for name in export.names], {OUTPUT: f"{OUTPUT}:0"})
    module = tf.Module()
    module.score = function
    folder = export.folder / "saved_model"
    full = (tf.errors.OutOfRangeError, tf.errors.ResourceExhaustedError, tf.errors.PermissionDeniedError)
    try:
        tf.saved_model.save(module, str(folder), signatures={"serving_default": function})
    except full as error:  # TensorFlow writes with its own file system and its own errors
        raise InputError(f"{folder} cannot be written: {str(error).rpartition('; ')[2]}") from error
    # Placeholder names may be reordered or suffixed by TensorFlow; the signature says what they are now.
    signature = read_saved_model(str(folder)).meta_graphs[0].signature_def["serving_default"]
    entry = {
        "folder": "saved_model",
        "tag": "serve",
        "inputs": {name: signature.inputs[name].name for name in export.names},
        "outputs": {OUTPUT: signature.outputs[OUTPUT].name},
    }
    return {"saved_model": entry}


@writes("onnx")
@status("Converting to ONNX")
def _onnx(export: Export, smaller: Sequence[str]) -> Entries:
    import onnx

    sizes = [(3, 11, 0, 7, 2), (13, 1, 5), (0, 0), (1,), (2, 3), (17,), (0,)]
    target = export.release
    model = lowering.convert(export.graph, export.names, OUTPUT, target.opset, target.ir_version)
    check_onnx(model, target)
    model, why = lowering.optimise(model, export.samples(sizes, 1), export.exported.inputs)
    if why:
        say(f"model.onnx is as converted, and slower than it could be: {why}")
    check_onnx(model, target)
    onnx.helper.set_model_props(model, {"columns": json.dumps(export.columns)})
    _write_onnx(export.folder / "model.onnx", model)
    entry = {
        "file": "model.onnx",
        "opset": target.opset,
        "ir_version": target.ir_version,
        "nodes": len(model.graph.node),
        "weights": "float32",
        "simplified": not why,
        **export.raw_names(""),
    }
    entries = {"onnx": entry}
    for form, change in _SMALLER.items():
        if form not in smaller:
            continue
        small = change(model, export.exported.interface == "edges")
        check_onnx(small, target)
        _write_onnx(export.folder / f"model_{form}.onnx", small)
        entries[f"onnx_{form}"] = {
            **entry,
            "file": f"model_{form}.onnx",
            "nodes": len(small.graph.node),
            "weights": form,
            "cost": lowering.cost(model, small, export.samples(_COSTS, 2)),
        }
    return entries


def _write_onnx(path: Path, model: Any) -> None:
    path.write_bytes(model.SerializeToString(deterministic=True))


FORMATS = tuple(sorted(_WRITERS))


def write_fixed(export: Export, shape: tuple[int, int]) -> Entries:
    """Write the padded function for one shape; what is written is compiled once by XLA and compared.

    Args:
        export: of the padded interface.
        shape: (B, N).

    Returns:
        The entry ``fixed`` of the manifest.

    Raises:
        InputError: the model cannot be compiled.
    """
    import tensorflow as tf

    function = padded_function(export.model, export.preprocess, shape)
    with exportable(export.model):
        graph, names = freeze(function)
    imported = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph, name=""), [])
    pruned = imported.prune([f"{name}:0" for name in names], f"{OUTPUT}:0")
    compiled = tf.function(lambda *values: pruned(*values), jit_compile=True, autograph=False)
    n_node = [min(7 + 5 * i, shape[1]) for i in range(shape[0])]
    (batch,) = sized_batches(export.preprocess, [n_node], 3)
    feeds = {name: tf.constant(value) for name, value in padded_feeds(batch, shape[1]).items()}
    values = [feeds[name] for name in names]
    try:
        program = compiled.experimental_get_compiler_ir(*values)(stage="hlo")
        found = compiled(*values).numpy()
    except (tf.errors.OpError, ValueError) as error:
        raise InputError(f"the model cannot be compiled with XLA: {str(error).splitlines()[0]}") from error
    difference = float(np.abs(found - function(**feeds).numpy()).max())
    (export.folder / "fixed.pb").write_bytes(graph.SerializeToString())
    entry = {
        "file": "fixed.pb",
        "batch": shape[0],
        "nodes": shape[1],
        "xla_difference": difference,
        "xla_instructions": program.count(" = "),
        **export.raw_names(),
    }
    return {"fixed": entry}


def write_one_jet(export: Export, entry: Mapping[str, Any]) -> Entries:
    """Write ``model.onnx`` of the edges interface for one jet at a time: the shape of its score is fixed.

    Some wrappers of CMSSW make outputs beforehand and cannot where a dimension behind the first is free.

    Args:
        export: of the edges interface.
        entry: of ``model.onnx`` in the manifest.

    Returns:
        The entry ``onnx_one_jet`` of the manifest.
    """
    import onnx

    model = onnx.load(export.folder / entry["file"])
    of_jets = {entry["inputs"][name] for name in ("u", "n_node") if name in entry["inputs"]}
    of_jets |= set(entry["outputs"].values())
    for tensor in (*model.graph.input, *model.graph.output):
        if tensor.name in of_jets:
            tensor.type.tensor_type.shape.dim[1].dim_value = 1
    _write_onnx(export.folder / "model_one_jet.onnx", model)
    return {"onnx_one_jet": {**entry, "file": "model_one_jet.onnx"}}


@status("Fusing attention")
def write_fused(export: Export, entry: Mapping[str, Any], smaller: Sequence[str]) -> Entries:
    """Write ``model.onnx`` with each attention as one operation, for which runtimes on GPUs have a fused kernel.

    Args:
        export: of a model with attention.
        entry: of ``model.onnx`` in the manifest.
        smaller: with ``float16`` in it the same is also written with products in float16.

    Returns:
        The entries of the manifest, ``onnx_fused`` and, where it is written, ``onnx_fused_float16``.

    Raises:
        InputError: the model has no such attention, the release does not run the operation, or float16 cannot hold
            the model's numbers.
    """
    import onnx

    model = onnx.load(export.folder / entry["file"])
    fused, count = lowering.fused_attention(model, export.exported.inputs)
    if not count:
        raise InputError(
            "no attention was found to be fused, softmax(scale * q kᵀ + bias) v with computed q, k and v; "
            "export without fused attention"
        )
    check_onnx(fused, export.release)
    _write_onnx(export.folder / "model_fused.onnx", fused)
    made = {**entry, "nodes": len(fused.graph.node), "fused": {lowering.FUSED: count}}
    entries = {"onnx_fused": {**made, "file": "model_fused.onnx"}}
    if "float16" in smaller:
        half = lowering.float16_products(fused)
        check_onnx(half, export.release)
        cost = lowering.cost(model, half, export.samples(_COSTS, 2))
        if not np.isfinite(cost["largest_difference"]):
            raise InputError(
                "numbers inside of the model are too large for float16, which ends at 65504; export its fused "
                "attention without float16 weights"
            )
        _write_onnx(export.folder / "model_fused_float16.onnx", half)
        named = {"file": "model_fused_float16.onnx", "nodes": len(half.graph.node), "weights": "float16"}
        entries["onnx_fused_float16"] = {**made, **named, "cost": cost}
    return entries


def add_auc_cost(export: Export, entries: Entries, columns: dict[str, int]) -> None:
    """Add to the cost of the smaller forms what they cost in ROC-AUC.

    None where the run's sample has gone or none of its outputs is the label.

    Args:
        export: of a run with a test part.
        entries: of the manifest, which are changed.
        columns: how many of the score each output has, in order.
    """
    names = list(columns)
    before = names[: names.index(label)] if (label := label_output(export.run.config)) else []
    column = sum(columns[name] for name in before)

    def scorer(key: str) -> Callable[[Any], np.ndarray]:
        session = onnx_runner(export.folder, entries[key])
        return lambda batch: session(export.exported.feeds(batch))

    found = {key: scorer(key) for key in SMALLER if key in entries}
    try:
        costs = auc_cost(export.run, found, column=column)
    except InputError as error:
        with status(f"What smaller weights cost in ROC-AUC is not known: {error}"):
            costs = {}
    for key in found:
        entries[key]["cost"]["auc"] = costs[key].to_dict() if costs else None
