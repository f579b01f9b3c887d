"""From a trained run to a hand-off folder: frozen graph, SavedModel and ONNX of one and the same function."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


from deploy.interface import EDGES_OUTPUT, TensorInfo, edges_function, edges_tensors
from deploy.quiet import quiet_tensorflow
from e2e_tf import __version__
from e2e_tf.errors import InputError
from e2e_tf.files import new_folder, sha256
from e2e_tf.progress import status
from e2e_tf.training.fit import package_versions
from e2e_tf.training.run import Run, open_run, read_json, write_json

__all__ = ["MANIFEST_FORMAT", "export"]

MANIFEST_FORMAT = "e2e-tf hand-off"
OPSET, IR_VERSION = 18, 8  # what ONNX Runtime 1.14 of CMSSW_13_1 and all later releases read


def export(run: Run | str | os.PathLike[str], folder: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write a hand-off folder.

    ::

        model.pb            frozen TensorFlow graph
        saved_model/        SavedModel around the same frozen function
        model.onnx          opset 18
        model.keras         the Keras model, for the proof
        preprocess.json     inputs, normalisation, graph
        manifest.json       names, shapes, dtypes, raw tensor names, working points, versions, checksums

    The folder appears complete or not at all.

    Raises:
        InputError: the run is not finished, the model does not have the inputs of the interface, or ``folder``
            exists and ``force`` is false.
    """
    run = run if isinstance(run, Run) else open_run(run)
    with new_folder(folder, force) as part, quiet_tensorflow():
        with status("Freezing the model"):
            model = run.model()
            graph, names = _freeze(model)
            (part / "model.pb").write_bytes(graph.SerializeToString())
        with status("Writing the SavedModel"):
            tensors = _saved_model(graph, names, part / "saved_model")
        with status("Converting to ONNX"):
            _onnx(graph, names, part / "model.onnx")
        (part / "model.keras").write_bytes((run.folder / "model.keras").read_bytes())
        run.preprocess.write(part / "preprocess.json")
        inputs, output = edges_tensors(model)
        write_json(part / "manifest.json", _manifest(run, part, inputs, output, tensors))
    return Path(folder)


def _freeze(model: Any) -> tuple[Any, list[str]]:
    """The frozen ``GraphDef`` of the interface, its inputs and output named as the interface names them."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen = convert_variables_to_constants_v2(edges_function(model).get_concrete_function())
    graph = frozen.graph.as_graph_def()
    names = [tensor.op.name for tensor in frozen.inputs]
    (output,) = frozen.outputs
    node = graph.node.add()
    node.op, node.name = "Identity", EDGES_OUTPUT
    node.input.append(output.name.removesuffix(":0"))
    node.attr["T"].type = output.dtype.as_datatype_enum
    return graph, names


def _saved_model(graph: Any, names: list[str], folder: Path) -> dict[str, str]:
    """Write the SavedModel; the raw tensor names, which CMSSW's callers need, come back."""
    import tensorflow as tf
    from tensorflow.python.saved_model.loader_impl import parse_saved_model

    def load() -> None:
        tf.compat.v1.import_graph_def(graph, name="")

    wrapped = tf.compat.v1.wrap_function(load, [])
    # CMSSW restores variables from the bundle; a frozen function has none, so nothing can go missing.
    function = wrapped.prune([f"{name}:0" for name in names], {EDGES_OUTPUT: f"{EDGES_OUTPUT}:0"})
    module = tf.Module()
    module.score = function
    tf.saved_model.save(module, str(folder), signatures={"serving_default": function})
    signature = parse_saved_model(str(folder)).meta_graphs[0].signature_def["serving_default"]
    # Placeholder names may be reordered or suffixed by TensorFlow; the signature says what they are now.
    return {key: info.name for key, info in [*signature.inputs.items(), *signature.outputs.items()]}


def _onnx(graph: Any, names: list[str], path: Path) -> None:
    import onnx
    import tf2onnx

    tensors = [*names, EDGES_OUTPUT]
    model, _ = tf2onnx.convert.from_graph_def(
        graph,
        name="e2e_tf",
        input_names=[f"{name}:0" for name in names],
        output_names=[f"{EDGES_OUTPUT}:0"],
        opset=OPSET,
        tensors_to_rename={f"{name}:0": name for name in tensors},
    )
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    for value in [*model.graph.input, *model.graph.output]:
        kind = value.type.tensor_type
        if kind.elem_type != onnx.TensorProto.FLOAT or not kind.shape.dim:
            raise InputError(f"CMSSW passes float32 tensors of rank 1 or more; {value.name} is not one")
    path.write_bytes(model.SerializeToString())


def _manifest(
    run: Run, folder: Path, inputs: list[TensorInfo], output: TensorInfo, tensors: dict[str, str]
) -> dict[str, Any]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    metrics = run.folder / "metrics.json"
    judged = (
        read_json(metrics)["classifiers"][run.config.model_name]["overall"] if metrics.is_file() else None
    )
    names = [info.name for info in inputs]
    return {
        "format": MANIFEST_FORMAT,
        "format_version": 1,
        "interface": "edges",
        "model": {"name": run.config.model_name, "settings": run.config.model_settings},
        "inputs": [info.to_dict() for info in inputs],
        "outputs": [output.to_dict()],
        "formats": {
            "frozen_graph": {
                "file": "model.pb",
                "inputs": {name: f"{name}:0" for name in names},
                "outputs": {output.name: f"{output.name}:0"},
            },
            "saved_model": {
                "folder": "saved_model",
                "tag": "serve",
                "inputs": {name: tensors[name] for name in names},
                "outputs": {output.name: tensors[output.name]},
            },
            "onnx": {
                "file": "model.onnx",
                "opset": OPSET,
                "ir_version": IR_VERSION,
                "inputs": {name: name for name in names},
                "outputs": {output.name: output.name},
            },
        },
        "working_points": [] if judged is None else judged["working_points"],
        "auc": None if judged is None else judged["auc"],
        "provenance": {
            "e2e_tf": __version__,
            "versions": package_versions(),
            "seed": run.config.seed,
            "data": run.provenance["data"],
            "config": run.config.model_dump(mode="json"),
        },
        "checksums": {str(path.relative_to(folder)): sha256(path) for path in files},
    }
