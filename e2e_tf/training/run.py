"""A run folder: what it holds and how it is read.

::

    config.json       the checked configuration, the folder it lay in, and the source of its jets
    provenance.json   versions, seeds, sample checksum, split sizes, times
    preprocess.json   inputs, normalisation and graph
    model.keras       the model of the best epoch
    history.json      one list per quantity, one entry per epoch
    checkpoint/       the last complete epoch, until the run is finished
    diverged.json     instead of a model, after a training that diverged in its first epoch
    metrics.json, *.png, report.html  once evaluated
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from e2e_tf.config import RunConfig, make_config
from e2e_tf.data.preprocess import Preprocess, read_preprocess
from e2e_tf.data.source import JetSource
from e2e_tf.data.source_changes import relocated
from e2e_tf.errors import InputError, TrainingDiverged
from e2e_tf.figure import PlotStyle
from e2e_tf.files import read_json, write_json
from e2e_tf.models import without_auxiliary
from e2e_tf.runtime import load_tensorflow
from e2e_tf.training.finite import check_finite

__all__ = [
    "Run",
    "begin_run",
    "end_run",
    "found_base",
    "mark_diverged",
    "open_run",
    "package_versions",
    "provenance_of",
    "stored_base",
    "trains_as",
]

_DIVERGED = "diverged.json"
_RECORDED = (
    "e2e-tf",
    "tensorflow",
    "keras",
    "spektral",
    "numpy",
    "h5py",
    "scikit-learn",
    "tf2onnx",
    "onnxruntime",
)


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: where it lies.
        config: its configuration.
        base: the folder that relative sample paths start from.
        preprocess: inputs, normalisation and graph.
        source: the files that it was trained on, how they were read and their SHA-256; None in a run of an earlier
            version, where the configuration and ``provenance.json`` say it.
    """

    folder: Path
    config: RunConfig
    base: Path
    preprocess: Preprocess
    source: JetSource | None = None

    def model(self) -> Any:
        """The trained Keras model, loaded in safe mode.

        Returns:
            The model, not compiled.

        Raises:
            InputError: its parameters are not finite.
        """
        load_tensorflow()

        import keras

        path = self.folder / "model.keras"
        return check_finite(keras.models.load_model(path, compile=False, safe_mode=True), path)

    @property
    def provenance(self) -> dict[str, Any]:
        """What ``provenance.json`` holds, see :func:`provenance_of`."""
        return read_json(self.folder / "provenance.json")

    @property
    def energy(self) -> float:
        """Of the collisions of its sample in the centre of mass [TeV]; 0 where it is not known."""
        return float(self.provenance.get("data", {}).get("energy", 0.0))

    @property
    def style(self) -> PlotStyle:
        """Labels and files of its plots."""
        return PlotStyle.of(self.config.plots.model_dump(), self.energy)


def trains_as(config: RunConfig, other: RunConfig) -> bool:
    """Whether two configurations train the same: what plots look like changes nothing of a model.

    Args:
        config, other: of runs.

    Returns:
        True if they differ in the section ``plots`` at most.
    """
    return config.model_copy(update={"plots": other.plots}) == other


def open_run(folder: str | os.PathLike[str], relocate: Mapping[str, str] | None = None) -> Run:
    """Open a finished run.

    Its files are looked for beside the run as they lay when it was trained, then in the folder of that time.

    Args:
        folder: of the run.
        relocate: old path to new path of files or folders of the run's sample that were moved.

    Returns:
        The run; its model is read when it is asked for.

    Raises:
        InputError: the folder is missing, is not a run, or its training has not finished or has diverged in its
            first epoch; or nothing of its sample lies in a path of ``relocate``.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no run folder {folder}")
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} is not a run folder: it has no config.json; make one with 'e2e-tf fit'")
    if not (folder / "model.keras").is_file():
        if (folder / _DIVERGED).is_file():
            raise InputError(
                f"{folder} has no model: {read_json(folder / _DIVERGED)['message']}; run 'e2e-tf fit' with --force "
                "and a changed configuration"
            )
        raise InputError(
            f"{folder} has no model.keras; its training has not finished, run 'e2e-tf fit' again to continue"
        )
    stored = read_json(folder / "config.json")
    config = make_config(stored["config"], str(folder / "config.json"))
    source = JetSource.from_dict(stored["source"]) if stored.get("source") else None
    base = found_base(stored, folder, source)
    if relocate:
        if source is None:
            raise InputError(
                f"{folder} is of an earlier version, which did not store its files; set data.sample in its "
                "config.json"
            )
        source, base = relocated(source, relocate, base)
    return Run(folder, config, base, read_preprocess(folder / "preprocess.json"), source)


def found_base(stored: Mapping[str, Any], folder: Path, source: JetSource | None) -> Path:
    """The folder that relative paths of a stored configuration start from, also after a project was moved.

    Args:
        stored: what :func:`stored_base` gave, and more.
        folder: where it was stored.
        source: the files that are wanted; None for the folder as it was.

    Returns:
        The folder beside the run where all files are there, else the one of the time of the training.
    """
    base = Path(stored["base"])
    if source is not None and "base_from_here" in stored:
        beside = Path(os.path.abspath(folder / stored["base_from_here"]))
        if beside != base and beside.is_dir() and not source.missing(beside):
            return beside
    return base


def stored_base(base: Path, folder: Path) -> dict[str, str]:
    """What a folder stores of where relative paths start: the path, and the way there from the folder.

    Args:
        base: where relative paths start.
        folder: that stores it.

    Returns:
        Both as text.
    """
    return {"base": str(base), "base_from_here": os.path.relpath(base.resolve(), folder.resolve())}


def begin_run(folder: Path, config: RunConfig, base: Path, preprocess: Preprocess, source: JetSource) -> None:
    """Write what is known of a run before its training: ``config.json`` and ``preprocess.json``.

    Args:
        folder: the run folder, which exists; files of these names are replaced.
        config: of the run.
        base: the folder that relative sample paths start from.
        preprocess: inputs, normalisation and graph.
        source: the files with their readers and SHA-256.
    """
    (folder / _DIVERGED).unlink(missing_ok=True)
    document = {
        "config": config.model_dump(mode="json"),
        **stored_base(base, folder),
        "source": source.to_dict(),
    }
    write_json(folder / "config.json", document)
    preprocess.write(folder / "preprocess.json", force=True)


def mark_diverged(folder: Path, diverged: TrainingDiverged) -> None:
    """Note in a run folder that its training diverged before it had a model, for :func:`open_run`.

    Args:
        folder: the run folder, after :func:`begin_run`, which takes the note away.
        diverged: what ended the training.
    """
    write_json(folder / _DIVERGED, {"epoch": diverged.epoch, "message": str(diverged)})


def end_run(
    folder: Path, history: Mapping[str, Sequence[float]], provenance: Mapping[str, Any], model: Any = None
) -> None:
    """Write what is known of a run after its training: ``history.json``, ``provenance.json``, ``model.keras``.

    The model comes last: with it the folder is a finished run for :func:`open_run`.

    Args:
        folder: the run folder, after :func:`begin_run`.
        history: one list per quantity, one entry per epoch.
        provenance: from :func:`provenance_of`, and more.
        model: the trained Keras model; None if ``model.keras`` is there already or is moved there by the caller.
    """
    write_json(folder / "history.json", dict(history))
    write_json(folder / "provenance.json", dict(provenance))
    if model is not None:
        without_auxiliary(model).save(folder / "model.keras")


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on.

    Returns:
        Versions by name, "not installed" for a package that is absent.
    """
    found = {"python": platform.python_version()}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def provenance_of(
    source: Mapping[str, Any],
    reweighting: Mapping[str, Any] | None,
    *,
    parameters: int,
    seed: int,
    best_epoch: int,
) -> dict[str, Any]:
    """What ``provenance.json`` of every training holds.

    Args:
        source: what identifies the data, with the sizes of the splits.
        reweighting: the pT weights, as :meth:`e2e_tf.data.weights.PtReweighting.to_dict` gives them, if any.
        parameters: number of the model's parameters.
        seed: of the training.
        best_epoch: whose parameters ``model.keras`` has, counted from 0.

    Returns:
        What can be written as JSON, by name.
    """
    return {
        "versions": package_versions(),
        "seed": seed,
        "data": dict(source),
        "reweighting": None if reweighting is None else dict(reweighting),
        "parameters": parameters,
        "best_epoch": best_epoch,
    }
