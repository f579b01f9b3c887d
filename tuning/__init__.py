"""Searches over models, trainings and graphs, on Keras Tuner: each trial in its own process, nothing lost.

::

    from tuning import tune

    sweep = tune("tau.toml", "sweep")       # a run configuration with a section [tune]
    print(sweep.best().values)

See ``docs/tuning.md``.
"""

from __future__ import annotations

import importlib as _importlib

_LAZY = {
    "HYPERMODELS": "tuning.hypermodels",
    "NoTrialCompleted": "tuning.sweep",
    "Record": "tuning.sweep",
    "RunHyperModel": "tuning.hypermodels",
    "SearchSpace": "tuning.space",
    "Sweep": "tuning.sweep",
    "TuneConfig": "tuning.config",
    "open_sweep": "tuning.sweep",
    "read_tune_config": "tuning.config",
    "retrain": "tuning.retrain",
    "tune": "tuning.search",
}
__all__ = [*_LAZY]


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(_importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'tuning' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
