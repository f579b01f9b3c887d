"""A Triton model repository of a bundle, for SONIC.

::

    <name>/config.pbtxt      tensors, dynamic batching
    <name>/1/model.onnx      or model.savedmodel/, model.graphdef
    <name>/labels.txt        a line for each column of the score
    <name>/manifest.json     for the client: columns, units, working points
    <name>/preprocess.json   for the client, which fills the tensors; not for models on images
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from e2e_tf.deploy.bundle import open_bundle
from e2e_tf.deploy.meaning import column_labels
from e2e_tf.errors import InputError
from e2e_tf.files import new_subfolder

__all__ = ["PLATFORMS", "triton"]

# format of the bundle -> (Triton's platform or backend line, file name in the version folder)
PLATFORMS = {
    "onnx": ('backend: "onnxruntime"', "model.onnx"),
    "onnx_float16": ('backend: "onnxruntime"', "model.onnx"),
    "onnx_int8": ('backend: "onnxruntime"', "model.onnx"),
    "onnx_fused": ('backend: "onnxruntime"', "model.onnx"),
    "onnx_fused_float16": ('backend: "onnxruntime"', "model.onnx"),
    "saved_model": ('platform: "tensorflow_savedmodel"', "model.savedmodel"),
    "frozen_graph": ('platform: "tensorflow_graphdef"', "model.graphdef"),
}
# What a SavedModel of a bundle holds, whose function has no variables.
_VARIABLES = ("variables", "variables/variables.index", "variables/variables.data-00000-of-00001")
_SAVED = ("saved_model.pb", "fingerprint.pb", "assets", *_VARIABLES)
_LABELS = "labels.txt"
_PREFERRED = (16, 64, 200)  # batches that CMS clients send: per-jet taggers 16, ParticleNet up to 200


def triton(
    bundle: str | os.PathLike[str],
    repository: str | os.PathLike[str],
    *,
    name: str = "e2e_tagger",
    form: str = "onnx",
    max_batch_size: int = 500,
    preferred: Sequence[int] | None = None,
    force: bool = False,
) -> Path:
    """Write a Triton model repository.

    A padded bundle is batched by the server: jets that are padded to the same length join one batch, so nothing
    is ragged. So is one of images and other tensors. An edges bundle carries its own batch of graphs in one
    request and is not batched further.

    Args:
        bundle: a bundle.
        repository: new folder, or with ``force`` an existing one, whose other models stay.
        name: of the model.
        form: ``onnx``, ``onnx_float16``, ``onnx_int8``, ``onnx_fused``, ``onnx_fused_float16``, ``saved_model`` or
            ``frozen_graph``.
        max_batch_size: most jets in a batch; not for edges.
        preferred: batch sizes that the server tries to make; None takes those of 16, 64 and 200 that fit.
        force: go into an existing folder, and replace an existing model of this name there.

    Returns:
        The path of the repository.

    Raises:
        InputError: the bundle is damaged or lacks the form, or an argument is not acceptable.
    """
    bundle, repository = Path(bundle), Path(repository)
    manifest = open_bundle(bundle)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name):
        raise InputError(f"the name of a Triton model must be letters, digits, _, - and ., not {name!r}")
    if form not in PLATFORMS or form not in manifest["formats"]:
        has = [key for key in PLATFORMS if key in manifest["formats"]]
        raise InputError(f"the form must be one that the bundle holds ({', '.join(has)}), not {form!r}")
    if preferred is None:
        preferred = [size for size in _PREFERRED if size <= max_batch_size]
    if max_batch_size < 1 or any(not 1 <= size <= max_batch_size for size in preferred):
        raise InputError(
            f"batches must be positive and preferred ones at most {max_batch_size}, not {list(preferred)}"
        )
    with new_subfolder(repository, name, force, _not_a_model) as part:
        version = part / "1"
        version.mkdir()
        info = manifest["formats"][form]
        source = bundle / info.get("file", info.get("folder", ""))
        target = version / PLATFORMS[form][1]
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
        if manifest["interface"] != "tensors":
            shutil.copyfile(bundle / "preprocess.json", part / "preprocess.json")
        shutil.copyfile(bundle / "manifest.json", part / "manifest.json")
        (part / _LABELS).write_text("".join(f"{label}\n" for label in column_labels(manifest)), "utf-8")
        config = config_pbtxt(manifest, name, form, max_batch_size, preferred)
        (part / "config.pbtxt").write_text(config, "utf-8")
    return repository


def _not_a_model(folder: Path) -> str:
    """Why a folder may not be replaced; empty where it holds what this module writes and nothing else."""
    if not (folder / "config.pbtxt").is_file():
        return "is not a model of a Triton repository"
    known = {
        "config.pbtxt",
        "manifest.json",
        "preprocess.json",
        _LABELS,
        "1",
        *(f"1/{file}" for _, file in PLATFORMS.values()),
    }
    known |= {f"1/{PLATFORMS['saved_model'][1]}/{name}" for name in _SAVED}
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    extra = [name for name in found if name not in known]
    return f"holds {extra[0]}, which 'e2e-tf triton' has not written" if extra else ""


def config_pbtxt(
    manifest: dict[str, Any], name: str, form: str, max_batch_size: int, preferred: Sequence[int]
) -> str:
    """``config.pbtxt`` in protobuf's text form, as Triton's model configuration documents it.

    Args:
        manifest: of the bundle.
        name: of the model.
        form: key of :data:`PLATFORMS`; tensors have the names under which Triton serves this form.
        max_batch_size: most jets in a batch; 0 is written for edges, which are not batched.
        preferred: batch sizes that the server tries to make.

    Returns:
        The content of ``config.pbtxt``.
    """
    batched = manifest["interface"] != "edges"
    info = manifest["formats"][form]

    def tensor(key: str, entry: dict[str, Any], names: dict[str, str]) -> str:
        # A signature is served under its own names, a graph under those of its nodes.
        served = entry["name"] if form == "saved_model" else names[entry["name"]].removesuffix(":0")
        dims = [
            str(size) if isinstance(size, int) else "-1" for size in entry["shape"][1 if batched else 0 :]
        ]
        labels = f' label_filename: "{_LABELS}"' if key == "output" else ""
        return f'  {{ name: "{served}" data_type: TYPE_FP32 dims: [ {", ".join(dims)} ]{labels} }}'

    lines = [f'name: "{name}"', PLATFORMS[form][0], f"max_batch_size: {max_batch_size if batched else 0}"]
    for key, entries, names in (
        ("input", manifest["inputs"], info["inputs"]),
        ("output", manifest["outputs"], info["outputs"]),
    ):
        body = ",\n".join(tensor(key, entry, names) for entry in entries)
        lines.append(f"{key} [\n{body}\n]")
    if batched:
        sizes = f"preferred_batch_size: [ {', '.join(map(str, preferred))} ] " if preferred else ""
        lines.append(f"dynamic_batching {{ {sizes}max_queue_delay_microseconds: 1000 }}")
    # One thread for each instance, as in CMSSW; the server scales by instances.
    kind = (
        "KIND_AUTO" if form.startswith("onnx_fused") else "KIND_CPU"
    )  # the former: a GPU where the server has one
    lines.append(f"instance_group [ {{ kind: {kind} count: 1 }} ]")
    if form.startswith("onnx"):
        lines.append('parameters { key: "intra_op_thread_count" value { string_value: "1" } }')
    return "\n".join(lines) + "\n"
