"""Graph neural networks for end-to-end particle identification at CMS, from Keras to the trigger."""

from __future__ import annotations

import os as _os

if _os.environ.get("TF_USE_LEGACY_KERAS", "").strip().lower() in {"1", "true"}:
    raise ImportError(
        "e2e-tf needs Keras 3, but TF_USE_LEGACY_KERAS asks for Keras 2; run 'unset TF_USE_LEGACY_KERAS' first"
    )
if (_backend := _os.environ.get("KERAS_BACKEND", "").strip() or "tensorflow") != "tensorflow":
    raise ImportError(
        f"e2e-tf needs Keras on TensorFlow, but KERAS_BACKEND asks for {_backend!r}; run 'unset KERAS_BACKEND' first"
    )
_os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
_os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # which warns where there is no home folder to write to

import importlib as _importlib
from typing import Any

import wrapt as _wrapt

from e2e_tf.errors import InputError
from e2e_tf.version import __version__

# Public functions by the module that holds them; imported when they are first used, so that
# ``import e2e_tf`` stays quick and does not import TensorFlow.
_LAZY = {
    "GraphBatch": "e2e_tf.graph",
    "GraphRecipe": "e2e_tf.data.graphs",
    "Jets": "e2e_tf.data.jets",
    "DisjointLoader": "e2e_tf.data.loader",
    "build_graphs": "e2e_tf.data.graphs",
    "build_model": "e2e_tf.models",
    "evaluate": "e2e_tf.training.evaluate",
    "export": "e2e_tf.deploy.export",
    "fit": "e2e_tf.training.fit",
    "prepare": "e2e_tf.training.prepare",
    "read_config": "e2e_tf.config",
    "read_jets": "e2e_tf.data.jets",
    "simulate": "e2e_tf.sim.simulate",
    "validate": "e2e_tf.deploy.validate",
}
# Earlier names of public functions.
_ALIASES = {"verify": "validate"}
__all__ = ["InputError", "__version__", *_LAZY, *_ALIASES]


def __getattr__(name: str) -> object:
    name = _ALIASES.get(name, name)
    if name in _LAZY:
        return getattr(_importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'e2e_tf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


@_wrapt.when_imported("keras")
def _register(keras: Any) -> None:
    """Register layers and losses as soon as Keras is there: ``import e2e_tf`` is all that a reload needs.

    Raises:
        ImportError: Keras runs on another backend, through its keras.json or because it was imported before.
    """
    if (backend := keras.config.backend()) != "tensorflow":
        raise ImportError(
            f"e2e-tf needs Keras on TensorFlow, but Keras runs on {backend!r}; "
            "run 'export KERAS_BACKEND=tensorflow' first"
        )
    _importlib.import_module("e2e_tf.layers")
    _importlib.import_module("e2e_tf.losses")  # a compiled model is saved with its losses
