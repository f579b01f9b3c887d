"""Searches over models, trainings and graphs, on Keras Tuner: each trial in its own process.

::

    from e2e_tf.tuning import tune

    sweep = tune("tau.toml", "sweep")       # a run configuration with a section [tune]
    print(sweep.best().values)

See ``docs/tuning.md``.
"""

from __future__ import annotations

import importlib as _importlib

_LAZY = {
    "HYPERMODELS": "e2e_tf.tuning.hypermodels",
    "NoTrialCompleted": "e2e_tf.tuning.sweep",
    "Record": "e2e_tf.tuning.sweep",
    "RunHyperModel": "e2e_tf.tuning.run_hypermodel",
    "SearchSpace": "e2e_tf.tuning.space",
    "Sweep": "e2e_tf.tuning.sweep",
    "TuneConfig": "e2e_tf.tuning.config",
    "open_sweep": "e2e_tf.tuning.sweep",
    "read_tune_config": "e2e_tf.tuning.config",
    "retrain": "e2e_tf.tuning.retrain",
    "tune": "e2e_tf.tuning.search",
}
__all__ = [*_LAZY]


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(_importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'e2e_tf.tuning' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
