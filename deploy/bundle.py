"""A bundle that was written before: opened, checked, and given the result of a validation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.agreement import Agreement
from e2e_tf.deploy.manifest import MANIFEST_FORMAT, MANIFEST_VERSION, check_manifest
from e2e_tf.deploy.padded import bundle_preprocess
from e2e_tf.deploy.signing import MANIFEST_FILE, manifest_digest, write_manifest
from e2e_tf.errors import InputError
from e2e_tf.files import read_json, sha256

__all__ = ["not_a_bundle", "open_bundle", "read_bundle_preprocess", "record"]


def open_bundle(folder: str | os.PathLike[str], *, earlier: bool = False) -> dict[str, Any]:
    """The manifest of a bundle that is as it was written, its files and the manifest itself.

    Args:
        folder: the bundle.
        earlier: also one of an earlier version, whose manifest has no checksum of its own.

    Returns:
        The manifest as a dictionary.

    Raises:
        InputError: the folder or its manifest is missing or not one, or of an earlier version; a file is missing,
            changed or without a checksum, the manifest among them; ``preprocess.json`` does not fit the model.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no bundle {folder}")
    if not (folder / "manifest.json").is_file():
        raise InputError(f"{folder} is not a bundle: it has no manifest.json; make one with 'e2e-tf export'")
    manifest = read_json(folder / "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("format") != MANIFEST_FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
        raise InputError(
            f"{folder / 'manifest.json'} is not the manifest of a bundle: its format must be {MANIFEST_FORMAT!r}, "
            f"it is {found!r}"
        )
    check_manifest(manifest, str(folder / "manifest.json"))
    if manifest["format_version"] < MANIFEST_VERSION and not earlier:
        raise InputError(
            f"{folder} is of format_version {manifest['format_version']}: no checksum covers its thresholds and names; "
            f"'e2e-tf export {folder} -o NEW' writes it anew"
        )
    unlisted = sorted(_named(manifest) - _listed(manifest))
    if unlisted:
        raise InputError(
            f"{folder / 'manifest.json'} lists no checksum of {', '.join(unlisted)}; it must list one for every "
            "file that scores or decisions depend on"
        )
    for name, expected in manifest["checksums"].items():
        if not (folder / name).is_file():
            raise InputError(f"{folder} lacks {name}, which its manifest lists")
        found = manifest_digest(folder, expected) if name == MANIFEST_FILE else sha256(folder / name)
        if found != expected:
            raise InputError(
                f"{folder / name} has changed: its SHA-256 is {found[:12]}…, the manifest says {expected[:12]}…"
            )
    if manifest["interface"] != "tensors":
        _check_preprocess(folder, manifest)
    return manifest


def _named(manifest: dict[str, Any]) -> set[str]:
    """Files and folders that scores and decisions depend on."""
    forms = {info.get("file") or info["folder"] for info in manifest["formats"].values()}
    graphs = {"preprocess.json"} if manifest["interface"] != "tensors" else set()
    signed = {MANIFEST_FILE} if manifest["format_version"] == MANIFEST_VERSION else set()
    return {"model.keras", *forms, *graphs, *signed}


def _listed(manifest: dict[str, Any]) -> set[str]:
    """Files that have a checksum, and their folders."""
    return {name for path in manifest["checksums"] for name in (path, path.split("/")[0])}


def not_a_bundle(folder: Path) -> str:
    """Why an export may not replace a folder: it is no bundle, or holds what no export has written; else empty.

    Args:
        folder: that exists.

    Returns:
        The reason, or an empty text.
    """
    try:
        manifest = read_json(folder / "manifest.json")
    except InputError:
        return "is not a bundle"
    if not isinstance(manifest, dict) or manifest.get("format") != MANIFEST_FORMAT:
        return "is not a bundle"
    known = {"manifest.json", *manifest.get("checksums", ())}
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    extra = [name for name in found if name not in known]
    return f"holds {extra[0]}, which no export has written" if extra else ""


def _check_preprocess(folder: Path, manifest: dict[str, Any]) -> None:
    preprocess = read_bundle_preprocess(folder)
    group = "features" if manifest["interface"] == "padded" else "x"
    axis = 1 if manifest["interface"] == "padded" else 2
    widths = {info["name"]: info["shape"][axis] for info in manifest["inputs"] if len(info["shape"]) > 2}
    found = len(preprocess.node_features.features)
    if found != widths.get(group):
        raise InputError(
            f"{folder / 'preprocess.json'} has {found} variables for {group}, the model takes {widths.get(group)}"
        )
    jet = 0 if preprocess.jet_features is None else len(preprocess.jet_features.features)
    if jet != widths.get("u", 0):
        raise InputError(
            f"{folder / 'preprocess.json'} has {jet} variables for u, the model takes {widths.get('u', 0)}"
        )


def read_bundle_preprocess(folder: str | os.PathLike[str]) -> Preprocess:
    """``preprocess.json`` of a bundle of either interface.

    Args:
        folder: the bundle.

    Returns:
        Inputs, normalisation and graph.

    Raises:
        InputError: it is missing or damaged.
    """
    path = Path(folder) / "preprocess.json"
    document = read_json(path)
    try:
        return bundle_preprocess(document)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a preprocess.json of this library ({error!r})") from error


def record(folder: str | os.PathLike[str], agreements: Sequence[Agreement]) -> None:
    """Write into the manifest of a bundle which runtimes were tested and their largest differences.

    Args:
        folder: the bundle.
        agreements: of the validation; those of runtimes that were not run are left out.

    Raises:
        InputError: the bundle is damaged.
    """
    folder = Path(folder)
    manifest = open_bundle(folder)
    manifest["tested"] = [agreement.to_dict() for agreement in agreements if not agreement.missing]
    for entry in manifest["tested"]:
        if not np.isfinite(entry["largest_difference"]):
            entry["largest_difference"] = None  # JSON has no infinity
    check_manifest(manifest)
    write_manifest(folder, manifest)
