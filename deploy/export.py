"""From a trained run to a hand-off folder: frozen graph, SavedModel and ONNX of one and the same function."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.compat import constant_graph, default_attributes, read_saved_model
from e2e_tf.deploy.agreement import SMALLER
from e2e_tf.deploy.interface import (
    INTERFACES,
    OUTPUT,
    TensorInfo,
    edges_feeds,
    edges_function,
    edges_tensors,
    joined_outputs,
    link,
    tensors_function,
    tensors_infos,
)
from e2e_tf.deploy.jets import adversarial_batches
from e2e_tf.deploy.manifest import MANIFEST_FORMAT, MANIFEST_VERSION, check_manifest
from e2e_tf.deploy.padded import (
    padded_feeds,
    padded_function,
    padded_preprocess,
    padded_rules,
    padded_tensors,
)
from e2e_tf.deploy.profiles import DEFAULT_CMSSW, Release, check_onnx, check_tensorflow, release
from e2e_tf.deploy.quiet import quiet_tensorflow
from e2e_tf.deploy.reference import keras_call, keras_scores
from e2e_tf.deploy.runners import onnx_runner
from e2e_tf.deploy.samples import sized_batches, tensor_batch
from e2e_tf.deploy.sources import ModelFile, open_source
from e2e_tf.errors import InputError
from e2e_tf.files import new_folder, read_json, sha256, write_json
from e2e_tf.graph import GraphSpec
from e2e_tf.terminal import status
from e2e_tf.training.fit import package_versions
from e2e_tf.training.run import Run
from e2e_tf.version import __version__

__all__ = ["FORMATS", "MANIFEST_FORMAT", "default_interface", "export", "freeze"]

FORMATS = ("onnx", "pb", "savedmodel")


@dataclass(frozen=True)
class _Function:
    """What is exported: a ``tf.function`` and its tensors."""

    interface: str
    function: Any
    inputs: list[TensorInfo]
    output: TensorInfo
    feeds: Callable[[Any], dict[str, np.ndarray]]


def export(
    run: Run | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    force: bool = False,
    cmssw: str = DEFAULT_CMSSW,
    interface: str = "",
    formats: Sequence[str] = FORMATS,
    float16_weights: bool = False,
    int8: bool = False,
    fixed: tuple[int, int] | None = None,
    proof: int = 1000,
) -> Path:
    """Write a hand-off folder, and prove it.

    ::

        model.onnx          float32 in and out, of the opset that the release reads
        model_float16.onnx, model_int8.onnx   smaller weights, float32 in and out, on request
        model.pb            frozen TensorFlow graph
        saved_model/        SavedModel around the same frozen function
        fixed.pb            the frozen graph for one (B, N), on request, for compilation ahead of time
        model.keras         the Keras model, for the proof
        preprocess.json     inputs, normalisation, graph
        inputs.npz, outputs.npz   parity vectors, the adversarial jets of the proof and Keras' scores
        repeat.py           repeats the proof with them and nothing but NumPy and a runtime
        manifest.json       names, shapes, raw tensor names, limits, working points, versions, tested runtimes,
                            checksums

    The folder appears complete or not at all.

    Args:
        run: a finished run or its folder, or a Keras model in a ``.keras`` file; a model on graphs needs the
            ``preprocess.json`` of its inputs beside it. Outputs of graphs are joined into one ``score``.
        folder: new folder.
        force: replace an existing one.
        cmssw: the oldest release series that must run it, such as ``14_1``.
        interface: ``edges`` or ``padded``; empty takes ``padded`` where the graph can be built inside. Models
            that take no graphs have ``tensors``.
        formats: of ``onnx``, ``pb``, ``savedmodel``.
        float16_weights: also write ONNX with weights stored as float16.
        int8: also write ONNX with weights and products in int8. What either costs is measured and listed, in
            ROC-AUC on the test part of the run where its sample is still there.
        fixed: (B, N) of an additional frozen graph without free sizes, checked to compile with XLA; padded only.
        proof: random jets of a proof (:func:`e2e_tf.deploy.validate.validate`) whose result goes into the manifest; 0
            leaves it to ``validate(..., write=True)``.

    Raises:
        InputError: the run is not finished, the model does not fit the interface or the release, an option is
            unknown, ``folder`` exists and ``force`` is false, or a runtime does not agree with Keras.
    """
    run = run if isinstance(run, Run) else open_source(run)
    target = release(cmssw)
    formats = _formats(formats)
    interface = interface or default_interface(run)
    if interface not in INTERFACES:
        raise InputError(f"the interface must be one of {', '.join(INTERFACES)}, not {interface!r}")
    if interface != "tensors" and run.preprocess.node_features is None:
        raise InputError(f"a model on tensors without graphs has the interface tensors, not {interface}")
    if fixed is not None and (interface != "padded" or min(fixed) < 1):
        raise InputError(
            f"a fixed shape takes positive (B, N) and the padded interface, not {fixed} and {interface}"
        )
    if (float16_weights or int8) and "onnx" not in formats:
        raise InputError("float16 and int8 weights are forms of ONNX; add onnx to the formats")
    with new_folder(folder, force) as part, quiet_tensorflow():
        with status("Freezing the model"):
            model, columns = joined_outputs(run.model())
            # Before models of its parts are made, which share its layers.
            model.save(part / "model.keras")
            _for_older_keras(part / "model.keras")
            exported = _function(run, model, interface, target)
            graph, names = freeze(exported.function)
            check_tensorflow((node.op for node in graph.node), target)
        entries: dict[str, Any] = {}
        ports = {
            "inputs": {name: f"{name}:0" for name in names},
            "outputs": {OUTPUT: f"{OUTPUT}:0"},
        }
        if "pb" in formats:
            (part / "model.pb").write_bytes(graph.SerializeToString())
            entries["frozen_graph"] = {"file": "model.pb", **ports}
        if "savedmodel" in formats:
            with status("Writing the SavedModel"):
                tensors = _saved_model(graph, names, part / "saved_model")
            entries["saved_model"] = {
                "folder": "saved_model",
                "tag": "serve",
                "inputs": {name: tensors[name] for name in names},
                "outputs": {OUTPUT: tensors[OUTPUT]},
            }
        if "onnx" in formats:
            with status("Converting to ONNX"):
                entries |= _onnx(run, exported, graph, names, target, part, float16_weights, int8)
        if fixed is not None:
            with status(f"Compiling for {fixed[0]} jets of {fixed[1]} nodes"):
                entries["fixed"] = _fixed(run, model, fixed, part)
        if interface == "padded":
            write_json(part / "preprocess.json", padded_preprocess(run.preprocess))
        elif interface == "edges":
            run.preprocess.write(part / "preprocess.json")
        if (float16_weights or int8) and not isinstance(run, ModelFile):
            _auc_cost(run, exported, entries, part)
        _parity(run, exported, model, part)
        (part / "repeat.py").write_bytes((Path(__file__).parent / "repeat.py").read_bytes())
        manifest = _manifest(run, part, exported, entries, target)
        manifest["outputs"][0]["columns"] = columns
        check_manifest(manifest)
        write_json(part / "manifest.json", manifest)
        if proof:
            _prove(part, proof)
    return Path(folder)


def default_interface(run: Run) -> str:
    """``padded`` where the graph of the run can be built inside the exported one, else ``edges``.

    ``tensors`` for a model that takes no graphs.
    """
    if run.preprocess.node_features is None:
        return "tensors"
    try:
        padded_rules(run.preprocess)
    except InputError:
        return "edges"
    return "padded"


# Settings of dense layers and of initializers that came after Keras 3.11.
_NEW_IN_KERAS = ("quantization_config", "input_axes", "output_axes")


def _for_older_keras(path: Path) -> None:
    """Leave out of a ``.keras`` file what nobody has set and older Keras does not know."""

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: kept(v) for k, v in value.items() if k not in _NEW_IN_KERAS or v is not None}
        return [kept(entry) for entry in value] if isinstance(value, list) else value

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = json.dumps(kept(json.loads(parts["config.json"]))).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def _formats(formats: Sequence[str]) -> tuple[str, ...]:
    wanted = tuple(formats.split(",")) if isinstance(formats, str) else tuple(formats)
    wrong = [name for name in wanted if name not in FORMATS]
    if wrong or not wanted:
        raise InputError(f"formats must be some of {', '.join(FORMATS)}, not {', '.join(wrong) or 'none'}")
    return wanted


def _function(run: Run, model: Any, interface: str, target: Release) -> _Function:
    if interface == "tensors":
        function = tensors_function(model)
        return _Function(interface, function, *tensors_infos(model), dict)
    if interface == "padded":
        function = padded_function(model, run.preprocess)
        return _Function(interface, function, *padded_tensors(model, run.preprocess), padded_feeds)
    # Below opset 16 ScatterND cannot add; graph builders list every edge once, so it need not.
    repeated = target.opset >= 16
    try:
        function = edges_function(model, repeated)
    except InputError as error:
        if repeated:
            raise
        raise InputError(
            f"CMSSW_{target.name} (opset {target.opset}) cannot run this model: ScatterND with reduction=add needs "
            f"opset 16, and without it {error}"
        ) from error
    return _Function(interface, function, *edges_tensors(model), lambda batch: edges_feeds(batch.graphs))


def freeze(function: Any) -> tuple[Any, list[str]]:
    """The frozen ``GraphDef`` of a ``tf.function``, its inputs and output named as the interface names them.

    Attributes that have their default value are left out: an older TensorFlow may not know them.
    """
    frozen = constant_graph(function.get_concrete_function())
    graph = frozen.graph.as_graph_def()
    if graph.library.function:
        found = ", ".join(sorted(f.signature.name for f in graph.library.function))
        raise InputError(f"the model holds control flow or custom objects that cannot be frozen: {found}")
    names = [tensor.op.name for tensor in frozen.inputs]
    (output,) = frozen.outputs
    node = graph.node.add()
    node.op, node.name = "Identity", OUTPUT
    node.input.append(output.name.removesuffix(":0"))
    node.attr["T"].type = output.dtype.as_datatype_enum
    for node in graph.node:
        for name, default in default_attributes(node.op).items():
            if node.attr.get(name) == default:
                del node.attr[name]
        for private in [name for name in node.attr if name.startswith("_")]:
            del node.attr[private]
    graph.versions.min_consumer = 0
    return graph, names


def _saved_model(graph: Any, names: list[str], folder: Path) -> dict[str, str]:
    """Write the SavedModel; the raw tensor names, which CMSSW's callers need, come back."""
    import tensorflow as tf

    def load() -> None:
        tf.compat.v1.import_graph_def(graph, name="")

    wrapped = tf.compat.v1.wrap_function(load, [])
    # CMSSW restores variables from the bundle; a frozen function has none, so nothing can go missing.
    function = wrapped.prune([f"{name}:0" for name in names], {OUTPUT: f"{OUTPUT}:0"})
    module = tf.Module()
    module.score = function
    tf.saved_model.save(module, str(folder), signatures={"serving_default": function})
    signature = read_saved_model(str(folder)).meta_graphs[0].signature_def["serving_default"]
    # Placeholder names may be reordered or suffixed by TensorFlow; the signature says what they are now.
    return {key: info.name for key, info in [*signature.inputs.items(), *signature.outputs.items()]}


def _samples(run: Run, exported: _Function, sizes: Sequence[Sequence[int]], seed: int) -> list[Any]:
    """Tensors of batches of jets of so many nodes, or of as many entries."""
    if exported.interface == "tensors":
        rng = np.random.default_rng(seed)
        infos = [info.to_dict() for info in exported.inputs]
        return [tensor_batch(infos, len(n), rng) for n in sizes]
    return [exported.feeds(batch) for batch in sized_batches(run.preprocess, sizes, seed)]


def _onnx(
    run: Run,
    exported: _Function,
    graph: Any,
    names: list[str],
    target: Release,
    part: Path,
    float16: bool,
    int8: bool,
) -> dict[str, Any]:
    from e2e_tf.deploy import lowering

    sizes = [(3, 11, 0, 7, 2), (13, 1, 5), (0, 0), (1,), (2, 3), (17,), (0,)]
    samples = _samples(run, exported, sizes, 1)
    model = lowering.convert(graph, names, OUTPUT, target.opset, target.ir_version)
    check_onnx(model, target)
    model = lowering.optimise(model, samples)
    check_onnx(model, target)
    (part / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    ports = {"inputs": {name: name for name in names}, "outputs": {OUTPUT: OUTPUT}}
    entry = {
        "file": "model.onnx",
        "opset": target.opset,
        "ir_version": target.ir_version,
        "nodes": len(model.graph.node),
        "weights": "float32",
        **ports,
    }
    entries = {"onnx": entry}
    forms = [("float16", lowering.float16_weights)] * float16 + [("int8", lowering.int8_weights)] * int8
    for form, change in forms:
        small = change(model)
        check_onnx(small, target)
        name = f"model_{form}.onnx"
        (part / name).write_bytes(small.SerializeToString(deterministic=True))
        batches = _samples(run, exported, [(60, 40, 20, 10, 5, 3, 1, 0)] * 8, 2)
        cost = lowering.cost(model, small, batches)
        entries[f"onnx_{form}"] = {
            **entry,
            "file": name,
            "nodes": len(small.graph.node),
            "weights": form,
            "cost": cost,
        }
    return entries


def _fixed(run: Run, model: Any, shape: tuple[int, int], part: Path) -> dict[str, Any]:
    """The padded function for one (B, N); what is written is compiled once by XLA and compared."""
    import tensorflow as tf

    function = padded_function(model, run.preprocess, shape)
    graph, names = freeze(function)
    imported = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph, name=""), [])
    pruned = imported.prune([f"{name}:0" for name in names], f"{OUTPUT}:0")
    compiled = tf.function(lambda *values: pruned(*values), jit_compile=True, autograph=False)
    (batch,) = sized_batches(run.preprocess, [[min(7 + 5 * i, shape[1]) for i in range(shape[0])]], 3)
    feeds = {name: tf.constant(value) for name, value in padded_feeds(batch, shape[1]).items()}
    values = [feeds[name] for name in names]
    try:
        program = compiled.experimental_get_compiler_ir(*values)(stage="hlo")
        found = compiled(*values).numpy()
    except (tf.errors.OpError, ValueError) as error:
        raise InputError(f"the model cannot be compiled with XLA: {str(error).splitlines()[0]}") from error
    difference = float(np.abs(found - function(**feeds).numpy()).max())
    (part / "fixed.pb").write_bytes(graph.SerializeToString())
    return {
        "file": "fixed.pb",
        "batch": shape[0],
        "nodes": shape[1],
        "xla_difference": difference,
        "xla_instructions": program.count(" = "),
        "inputs": {name: f"{name}:0" for name in names},
        "outputs": {OUTPUT: f"{OUTPUT}:0"},
    }


def _auc_cost(run: Run, exported: _Function, entries: dict[str, Any], part: Path) -> None:
    """Add to the cost of the smaller forms what they cost in ROC-AUC; None where the run's sample has gone."""
    from e2e_tf.deploy.cost import auc_cost

    def scorer(key: str) -> Callable[[Any], np.ndarray]:
        session = onnx_runner(part, entries[key])
        return lambda batch: session(exported.feeds(batch))

    found = {key: scorer(key) for key in SMALLER if key in entries}
    try:
        costs = auc_cost(run, found)
    except InputError as error:
        with status(f"What smaller weights cost in ROC-AUC is not known: {error}"):
            costs = {}
    for key in found:
        entries[key]["cost"]["auc"] = costs[key].to_dict() if costs else None


def _parity(run: Run, exported: _Function, model: Any, part: Path) -> None:
    """``inputs.npz`` and ``outputs.npz``: tensors of the adversarial batches, ``<batch>/<tensor>``, Keras' scores."""
    if exported.interface == "tensors":
        feeds = _samples(run, exported, [range(n) for n in (1, 2, 5)], 4)
        given = {f"{i}/{name}": value for i, values in enumerate(feeds) for name, value in values.items()}
        scores = {f"{i}/{OUTPUT}": np.asarray(keras_call(model, values)) for i, values in enumerate(feeds)}
        np.savez_compressed(part / "inputs.npz", **given)
        np.savez_compressed(part / "outputs.npz", **scores)  # type: ignore[arg-type]
        return
    k = _neighbours(run) or 1
    batches = [batch for _, batch in adversarial_batches(run.preprocess, k, np.random.default_rng(4), link)]
    lead = 1 if exported.interface == "edges" else 0
    inputs: dict[str, np.ndarray] = {}
    outputs: dict[str, np.ndarray] = {}
    for i, (batch, score) in enumerate(zip(batches, keras_scores(model, batches), strict=True)):
        inputs |= {f"{i}/{name}": value for name, value in exported.feeds(batch).items()}
        outputs[f"{i}/{OUTPUT}"] = score[None] if lead else score
    np.savez_compressed(part / "inputs.npz", **inputs)  # type: ignore[arg-type]
    np.savez_compressed(part / "outputs.npz", **outputs)  # type: ignore[arg-type]


def _neighbours(run: Run) -> int | None:
    """k of the graph, where it is made of nearest neighbours."""
    k = [int(number or 0) for name, number in GraphSpec.parse(run.preprocess.edges).parts if name == "knn"]
    return k[0] if k else None


def _prove(part: Path, jets: int) -> None:
    from e2e_tf.deploy.validate import validate

    wrong = [found for found in validate(part, jets=jets, write=True) if found.failed]
    if wrong:
        raise InputError(
            f"{wrong[0].runtime} differs from Keras by {wrong[0].difference:.1e} on a jet of {wrong[0].where} nodes, "
            f"{wrong[0].tolerance:g} is allowed; a hand-off without a proof is written with proof 0"
        )


def _manifest(
    run: Run, folder: Path, exported: _Function, entries: dict[str, Any], target: Release
) -> dict[str, Any]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    metrics, graphs, judged = run.folder / "metrics.json", exported.interface != "tensors", None
    loose = isinstance(run, ModelFile)
    if metrics.is_file() and not loose:
        judged = read_json(metrics)["classifiers"][run.config.model_name]["overall"]
    return {
        "format": MANIFEST_FORMAT,
        "format_version": MANIFEST_VERSION,
        "interface": exported.interface,
        "release": target.to_dict(),
        "model": {"name": run.config.model_name, "settings": run.config.model_settings},
        "graph": {"nodes": run.preprocess.nodes, "edges": run.preprocess.edges, "k": _neighbours(run)}
        if graphs
        else None,
        "limits": {
            "max_nodes": run.preprocess.max_nodes or None,
            "repeated_edges": exported.interface == "edges" and target.opset >= 16,
        },
        "inputs": [info.to_dict() for info in exported.inputs],
        "outputs": [exported.output.to_dict()],
        "formats": entries,
        "working_points": [] if judged is None else judged["working_points"],
        "auc": None if judged is None else judged["auc"],
        "tested": [],
        "provenance": {
            "e2e_tf": __version__,
            "versions": package_versions(),
            "seed": run.config.seed,
            "data": run.provenance["data"],
            "config": None if loose else run.config.model_dump(mode="json"),
        },
        "checksums": {path.relative_to(folder).as_posix(): sha256(path) for path in files},
    }
