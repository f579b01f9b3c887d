"""What can be exported: a run, a bundle, or a Keras model in a file."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e_tf.config import RunConfig
from e2e_tf.data.preprocess import Preprocess, read_preprocess
from e2e_tf.deploy.bundle import open_bundle, read_bundle_preprocess
from e2e_tf.deploy.interface import is_graph_model
from e2e_tf.errors import InputError
from e2e_tf.files import sha256
from e2e_tf.runtime import load_tensorflow
from e2e_tf.training.finite import check_finite
from e2e_tf.training.run import Run, open_run

__all__ = ["BundleFile", "ModelFile", "import_modules", "open_source", "read_model"]

_SUFFIXES = (".keras", ".h5", ".hdf5")


@dataclass(frozen=True)
class ModelFile(Run):
    """A Keras model in the place of a run; there is no configuration and no evaluation.

    Attributes:
        file: that it was read from; None where it was given.
        loaded: the model.
        imports: modules that register its own layers.
    """

    file: Path | None = None
    loaded: Any = None
    imports: tuple[str, ...] = ()

    def model(self) -> Any:
        """The Keras model.

        Returns:
            The model, not compiled.

        Raises:
            InputError: one of its parameters is not finite.
        """
        return check_finite(self.loaded, self.file or self.loaded.name)

    @property
    def provenance(self) -> dict[str, Any]:
        """What the manifest says of the data: the name of the model, and of a file its SHA-256."""
        if self.file is None:
            return {"data": {"model": self.loaded.name}}
        return {"data": {"model": self.file.name, "sha256": sha256(self.file)}}


@dataclass(frozen=True)
class BundleFile(ModelFile):
    """The model of a bundle, to be exported again: for another release, in another interface or other forms.

    Attributes:
        manifest: of the bundle; its working points, its record of the training and what its outputs mean are kept.
    """

    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def provenance(self) -> dict[str, Any]:
        """What the bundle says of its data and of how the jets were made."""
        jets = {"jets": self.manifest["jets"]} if "jets" in self.manifest else {}
        return {"data": {**self.manifest["provenance"].get("data", {}), **jets}}


def _open_bundle(folder: Path, imports: Sequence[str]) -> BundleFile:
    manifest = open_bundle(folder, earlier=True)
    file = folder / "model.keras"
    tensors = manifest["interface"] == "tensors"
    return BundleFile(
        folder,
        RunConfig(model={"name": manifest.get("model", {}).get("name", "model")}),
        folder,
        _no_graph() if tensors else read_bundle_preprocess(folder),
        file=file,
        loaded=check_finite(read_model(file), file),
        imports=tuple(imports),
        manifest=manifest,
    )


def _no_graph() -> Preprocess:
    """Of a model without graphs."""
    return Preprocess("candidates", "full", None)  # type: ignore[arg-type]


def open_source(
    source: Any,
    features: Preprocess | str | os.PathLike[str] | None = None,
    imports: Sequence[str] = (),
    relocate: Mapping[str, str] | None = None,
) -> Run:
    """A finished run, a bundle, a file with a Keras model, or a Keras model.

    Args:
        source: a run or its folder, a bundle, a ``.keras`` or ``.h5`` file, or a model.
        features: inputs of a model on graphs, or their ``preprocess.json``; None takes the one beside the file.
        imports: modules, or Python files, that register the model's own layers.
        relocate: as in :func:`e2e_tf.training.run.open_run`, of a run's folder.

    Returns:
        The run, or the model in the place of one.

    Raises:
        InputError: it is none of these, ``preprocess.json`` is missing, or ``features`` does not fit.
    """
    import_modules(imports)
    if isinstance(source, Run):
        return _without_features(source, features)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if (path / "manifest.json").is_file():
            return _without_features(_open_bundle(path, imports), features)
        if path.suffix not in _SUFFIXES:
            return _without_features(open_run(path, relocate), features)
        if not path.is_file():
            raise InputError(f"there is no model {path}")
        model, name, folder = check_finite(read_model(path), path), path.stem, path.parent
        beside: Path | None = folder / "preprocess.json"
    elif hasattr(source, "get_config") and hasattr(source, "layers"):
        path, model, name, folder, beside = None, source, source.name, Path(), None
    else:
        raise InputError(
            f"what is exported must be a run, a bundle, a file {' or '.join(_SUFFIXES)} or a Keras model, "
            f"not {type(source).__name__}"
        )
    config = RunConfig(model={"name": name})
    rest: dict[str, Any] = {"file": path, "loaded": model, "imports": tuple(imports)}
    if not is_graph_model(model):
        return _without_features(ModelFile(folder, config, folder, _no_graph(), **rest), features)
    if features is None:
        if beside is None:
            raise InputError(
                "a model on graphs needs features, the Preprocess of its inputs or its preprocess.json"
            )
        if not beside.is_file():
            raise InputError(
                f"a model on graphs needs the preprocess.json of its inputs beside it; there is no {beside}"
            )
        features = beside
    preprocess = features if isinstance(features, Preprocess) else read_preprocess(features)
    return ModelFile(folder, config, folder, preprocess, **rest)


def _without_features(run: Run, features: Any) -> Run:
    if features is not None:
        raise InputError(
            "features are for models on graphs without a run; a run, a bundle and a model on tensors have their own"
        )
    return run


def read_model(path: Path) -> Any:
    """The Keras model in a file, loaded in safe mode.

    Args:
        path: ``.keras`` or ``.h5``.

    Returns:
        The model.

    Raises:
        InputError: the file is damaged, or holds layers that are not registered.
    """
    load_tensorflow()

    import keras

    import e2e_tf.layers  # noqa: F401  # registers the layers

    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError, AttributeError, ImportError) as error:
        first = str(error).strip().split("\n")[0]
        if "`Lambda`" in first:
            raise InputError(
                "the model has a Lambda layer, whose Python code is not read from a file; write it as a layer with "
                "keras.saving.register_keras_serializable, and name its module with --import"
            ) from error
        raise InputError(
            f"{path} must be a Keras model whose layers are registered by what is imported (--import names the module "
            f"of your own ones): {first}"
        ) from error


def import_modules(names: Sequence[str]) -> None:
    """Import modules that register layers.

    Args:
        names: of modules, which may stand in the working folder, or paths of Python files.

    Raises:
        InputError: one is missing or fails.
    """
    for name in names:
        try:
            if name.endswith(".py"):
                spec = importlib.util.spec_from_file_location(Path(name).stem, name)
                assert spec is not None
                assert spec.loader is not None
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                sys.modules.setdefault(Path(name).stem, module)
            elif name not in sys.modules:
                sys.path.insert(0, str(Path.cwd()))
                try:
                    importlib.import_module(name)
                finally:
                    sys.path.remove(str(Path.cwd()))
        except Exception as error:  # whatever the user's module raises
            raise InputError(
                f"the module {name} cannot be imported: {type(error).__name__}: {error}"
            ) from error
