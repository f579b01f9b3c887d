"""From a trained run to a bundle: frozen graph, SavedModel and ONNX of one and the same function."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e2e_tf.data.node_inputs import with_node_inputs
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.bundle import not_a_bundle
from e2e_tf.deploy.exportable import check_size, exportable, in_float32
from e2e_tf.deploy.exported import Export, exported_function, freeze
from e2e_tf.deploy.forms import (
    FORMATS,
    add_auc_cost,
    write_fixed,
    write_forms,
    write_fused,
    write_one_jet,
)
from e2e_tf.deploy.interface import INTERFACES
from e2e_tf.deploy.keras_file import save_keras
from e2e_tf.deploy.lowering import FUSED
from e2e_tf.deploy.manifest import MANIFEST_FORMAT, MANIFEST_VERSION, check_manifest
from e2e_tf.deploy.meaning import output_meaning
from e2e_tf.deploy.model_inputs import all_layers
from e2e_tf.deploy.outputs import functional, joined_outputs
from e2e_tf.deploy.padded import padded_preprocess, padded_rules
from e2e_tf.deploy.parity import write_parity
from e2e_tf.deploy.profiles import DEFAULT_CMSSW, check_contributed, check_tensorflow, release
from e2e_tf.deploy.quiet import quiet_tensorflow
from e2e_tf.deploy.raw_vectors import write_raw_vectors
from e2e_tf.deploy.signing import write_manifest
from e2e_tf.deploy.sources import BundleFile, ModelFile, open_source
from e2e_tf.deploy.tolerance import measured_tolerance
from e2e_tf.deploy.validate import validate
from e2e_tf.errors import InputError
from e2e_tf.files import new_folder, read_json, sha256, write_json
from e2e_tf.models import MODELS
from e2e_tf.terminal import status
from e2e_tf.training.fit import only_python
from e2e_tf.training.pt_points import pt_points
from e2e_tf.training.run import Run, package_versions
from e2e_tf.training.targets import label_output
from e2e_tf.version import __version__

__all__ = ["default_interface", "export"]


def export(
    run: Any,
    folder: str | os.PathLike[str],
    *,
    force: bool = False,
    cmssw: str = DEFAULT_CMSSW,
    interface: str = "",
    formats: Sequence[str] = FORMATS,
    float16_weights: bool = False,
    int8: bool = False,
    fixed: tuple[int, int] | None = None,
    one_jet: bool = False,
    fused_attention: bool = False,
    proof: int = 1000,
    features: Preprocess | str | os.PathLike[str] | None = None,
    imports: Sequence[str] = (),
    relocate: Mapping[str, str] | None = None,
) -> Path:
    """Write a bundle, and validate it.

    ::

        model.onnx          float32 in and out, of the opset that the release reads
        model_float16.onnx, model_int8.onnx   smaller weights, float32 in and out, on request
        model.pb            frozen TensorFlow graph
        model_one_jet.onnx  for one jet at a time, on request
        model_fused.onnx    each attention one operation of ONNX Runtime, for GPUs, on request
        model_fused_float16.onnx  the same with products in float16, on request
        saved_model/        SavedModel around the same frozen function
        fixed.pb            the frozen graph for one (B, N), on request, for compilation ahead of time
        model.keras         the Keras model, for the validation
        preprocess.json     inputs, normalisation, graph
        inputs.npz, outputs.npz   parity vectors, the adversarial jets of the validation and Keras' scores
        jets.npz            raw jets with their tensors and Keras' scores, of models on graphs of jets
        repeat.py           repeats the validation with them and nothing but NumPy and a runtime
        manifest.json       names, shapes, raw tensor names, limits, working points, versions, tested runtimes,
                            checksums

    The folder appears complete or not at all.

    Args:
        run: a finished run or its folder, a bundle to be exported again, a Keras model, or one in a ``.keras`` or
            ``.h5`` file; a model on graphs in a file needs the ``preprocess.json`` of its inputs beside it, or
            ``features``. Outputs of graphs are joined into one ``score``.
        folder: new folder.
        force: replace an existing bundle; any other folder stays.
        cmssw: the oldest release series that must run it, such as ``14_1``.
        interface: ``edges`` or ``padded``; empty takes ``padded`` where the graph can be built inside. Models
            that take no graphs have ``tensors``.
        formats: of ``onnx``, ``pb``, ``savedmodel``.
        float16_weights: also write ONNX with weights stored as float16; with ``fused_attention`` also one with products
            in float16, which GPUs sum in float32.
        int8: also write ONNX with weights and products in int8. What either costs is measured and listed, in
            ROC-AUC on the test part of the run where its sample is still there.
        fixed: (B, N) of an additional frozen graph without free sizes, checked to compile with XLA; padded only.
        one_jet: also write ONNX for one jet at a time, whose output has a fixed shape; edges only.
        fused_attention: also write ONNX with each attention, its pair bias and mask in it, as one operation, for
            which ONNX Runtime has a fused kernel on GPUs; for releases from 14_1 on.
        proof: random jets of the validation (:func:`e2e_tf.deploy.validate.validate`) whose result goes into the
            manifest; 0 leaves it to ``validate(..., write=True)``.
        features: inputs of a model on graphs that is no run: the :class:`~e2e_tf.data.preprocess.Preprocess` or its
            file.
        imports: modules, or Python files, that register the model's own layers.
        relocate: of a run's folder: old path to new path of files or folders of its sample that were moved, on which
            the cost of smaller forms is measured.

    Returns:
        The path of the bundle.

    Raises:
        InputError: the run is not finished, the model does not fit the interface or the release, an option is
            unknown, ``folder`` exists and ``force`` is false or it holds what no export has written, or a runtime
            does not agree with Keras.
    """
    run = open_source(run, features, imports, relocate)
    target = release(cmssw)
    formats = _formats(formats)
    _check_computed(run)
    with quiet_tensorflow():
        model = run.model()
    interface = interface or default_interface(run, model)
    _check_interface(run, interface, fixed)
    if one_jet and (interface != "edges" or "onnx" not in formats):
        raise InputError(
            f"a form of one jet takes the edges interface and ONNX, not {interface} and {', '.join(formats)}"
        )
    if fused_attention and "onnx" not in formats:
        raise InputError(f"fused attention is a form of ONNX; add onnx to the formats {', '.join(formats)}")
    if fused_attention:
        check_contributed(FUSED, target)
    smaller = ["float16"] * float16_weights + ["int8"] * int8
    if smaller and "onnx" not in formats:
        raise InputError("float16 and int8 weights are forms of ONNX; add onnx to the formats")
    with new_folder(folder, force, not_a_bundle) as part, quiet_tensorflow():
        with status("Freezing the model"):
            user, policy = in_float32(model)
            functional(user)
            check_size(user)
            # Before models of its parts are made, which share its layers.
            save_keras(user, part / "model.keras")
            model, columns = joined_outputs(user)
            preprocess = run.preprocess
            if interface != "tensors":
                preprocess = with_node_inputs(preprocess, [tensor.name for tensor in model.inputs])
            with exportable(model):
                exported = exported_function(preprocess, model, interface, target)
                graph, names = freeze(exported.function)
            check_tensorflow((node.op for node in graph.node), target)
        job = Export(run, preprocess, user, model, target, exported, graph, names, part, columns)
        entries = write_forms(job, formats, smaller)
        if fixed is not None:
            with status(f"Compiling for {fixed[0]} jets of {fixed[1]} nodes"):
                entries |= write_fixed(job, fixed)
        if one_jet:
            entries |= write_one_jet(job, entries["onnx"])
        if fused_attention:
            entries |= write_fused(job, entries["onnx"], smaller)
        if interface == "padded":
            write_json(part / "preprocess.json", padded_preprocess(preprocess))
        elif interface == "edges":
            preprocess.write(part / "preprocess.json")
        if smaller and not isinstance(run, ModelFile):
            add_auc_cost(job, entries, columns)
        tolerance = measured_tolerance(write_parity(job), columns)
        if interface != "tensors":
            write_raw_vectors(part, preprocess, interface, exported.feeds, user)
        (part / "repeat.py").write_bytes((Path(__file__).parent / "repeat.py").read_bytes())
        manifest = _manifest(job, entries, columns, policy)
        manifest["outputs"][0]["tolerance"] = tolerance
        if meaning := output_meaning(run, columns):
            manifest["outputs"][0]["meaning"] = meaning
        if isinstance(run, BundleFile):
            manifest = _as_before(manifest, run.manifest)
        check_manifest(manifest)
        write_manifest(part, manifest)
        if proof:
            _validate(part, proof)
    return Path(folder)


def default_interface(run: Run, model: Any) -> str:
    """``padded`` where the graph of the run can be built inside the exported one, else ``edges``.

    ``tensors`` for a model that takes no graphs.

    Args:
        run: a run, or a model in the place of one.
        model: its Keras model; one that works on edge lists (``layout = "edges"``) has no blocks to build a graph in.

    Returns:
        The interface's name.
    """
    if not _takes_graphs(run):
        return "tensors"
    try:
        padded_rules(run.preprocess)
    except InputError:
        return "edges"
    from e2e_tf.layers import DisjointToBlocks

    return "padded" if any(isinstance(layer, DisjointToBlocks) for layer in all_layers(model)) else "edges"


def _takes_graphs(run: Run) -> bool:
    """False for a model on tensors, and for a run on images or rows, whose graphs its model does not see."""
    if isinstance(run, ModelFile):
        return run.preprocess.node_features is not None
    return MODELS[run.config.model_name].inputs == "graph"


def _formats(formats: Sequence[str]) -> tuple[str, ...]:
    wanted = tuple(formats.split(",")) if isinstance(formats, str) else tuple(formats)
    wrong = [name for name in wanted if name not in FORMATS]
    if wrong or not wanted:
        raise InputError(f"formats must be some of {', '.join(FORMATS)}, not {', '.join(wrong) or 'none'}")
    return wanted


def _check_interface(run: Run, interface: str, fixed: tuple[int, int] | None) -> None:
    if interface not in INTERFACES:
        raise InputError(f"the interface must be one of {', '.join(INTERFACES)}, not {interface!r}")
    if interface != "tensors" and not _takes_graphs(run):
        raise InputError(f"a model on tensors without graphs has the interface tensors, not {interface}")
    if fixed is not None and (interface != "padded" or min(fixed) < 1):
        raise InputError(
            f"a fixed shape takes positive (B, N) and the padded interface, not {fixed} and {interface}"
        )


def _validate(part: Path, jets: int) -> None:
    wrong = [found for found in validate(part, jets=jets, write=True) if found.failed]
    if wrong:
        first = wrong[0]
        raise InputError(
            f"{first.runtime} differs from Keras by {first.difference:.1e} in {_column(part, first.column)} on a jet "
            f"of {first.where} nodes, {first.tolerance:g} is allowed; nothing was written"
        )


def _column(part: Path, index: int) -> str:
    """The output that a column of the score belongs to."""
    columns = read_json(part / "manifest.json")["outputs"][0]["columns"]
    names = [name for name, width in columns.items() for _ in range(width)]
    return f"the output {names[index]}"


def _check_computed(run: Run) -> None:
    """Refuse what the C++ builder would have to compute by an expression of the configuration."""
    if named := only_python(run.config, run.preprocess):
        raise InputError(
            f"{run.folder} cannot be exported: {named}, which the C++ builder does not compute; write the column into "
            "the files, or train without it"
        )


def _manifest(
    export: Export, entries: dict[str, Any], columns: dict[str, int], policy: str
) -> dict[str, Any]:
    run, folder, exported, target = export.run, export.folder, export.exported, export.release
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    graphs, loose = exported.interface != "tensors", isinstance(run, ModelFile)
    evaluated = None if loose else _evaluated(run, columns)
    preprocess = run.preprocess
    return {
        "format": MANIFEST_FORMAT,
        "format_version": MANIFEST_VERSION,
        "interface": exported.interface,
        "release": target.to_dict(),
        "model": {"name": run.config.model_name, "settings": run.config.model_settings}
        | ({"policy": policy} if policy else {}),
        "graph": {"nodes": preprocess.nodes, "edges": preprocess.edges, "k": preprocess.spec.k or None}
        if graphs
        else None,
        **({"jets": run.provenance["data"]["jets"]} if graphs and "jets" in run.provenance["data"] else {}),
        "limits": {
            "max_nodes": preprocess.limit or None,
            "repeated_edges": exported.interface == "edges" and target.opset >= 16,
        },
        "inputs": [info.to_dict() for info in exported.inputs],
        "outputs": [{**exported.output.to_dict(), "columns": columns}],
        "formats": entries,
        "working_points": [] if evaluated is None else evaluated["working_points"],
        **({} if evaluated is None else evaluated["binned"]),
        "auc": None if evaluated is None else evaluated["auc"],
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


def _as_before(manifest: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of a bundle that is exported again, with what the earlier one says of the model and its training."""
    same = ("model", "working_points", "binned_working_points", "auc")
    kept = {key: before[key] for key in same if key in before}
    meaning = {key: value for key, value in before["outputs"][0].items() if key == "meaning"}
    training = {key: before["provenance"][key] for key in ("seed", "config") if key in before["provenance"]}
    return {
        **manifest,
        **kept,
        "outputs": [{**manifest["outputs"][0], **meaning}],
        "provenance": {**manifest["provenance"], **training},
    }


def _evaluated(run: Run, columns: dict[str, int]) -> dict[str, Any] | None:
    """What ``evaluate`` found for the run, its working points with the output that was evaluated."""
    metrics, label = run.folder / "metrics.json", label_output(run.config)
    if not metrics.is_file() or label is None:
        return None
    found: dict[str, Any] = read_json(metrics)["classifiers"][run.config.model_name]
    overall: dict[str, Any] = found["overall"]
    if not label and len(columns) == 1:
        (label,) = columns
    named = {"output": label} if label else {}
    bins = found.get("pt_bins", [])
    binned = [
        {
            **{key: part[key] for key in ("low", "high", "signal", "background")},
            "working_points": part["working_points"]
            and [{**point, **named} for point in part["working_points"]],
        }
        for part in (bins if pt_points(bins, str(metrics)) else [])
    ]
    return {
        **overall,
        "working_points": [{**point, **named} for point in overall["working_points"]],
        "binned": {"binned_working_points": binned} if binned else {},
    }
