"""The parameters that a HyperModel of the user's own asks for, before the search begins."""

from __future__ import annotations

import contextlib
import itertools
from types import SimpleNamespace
from typing import Any

__all__ = ["EMPTY", "can_vary", "space_of"]

EMPTY = "the space is empty: the HyperModel asks for no parameter with more than one value"
_ENOUGH, _MOST = 5, 30  # models in a row that ask for nothing new, models in all


def space_of(hypermodel: Any) -> dict[str, Any]:
    """The space of a HyperModel: what its ``build`` asks for, under any condition and with any values of others.

    Conditions are switched on in turn, as Keras Tuner does it; then models are built with random values until five in
    a row ask for nothing new, thirty at most.

    Args:
        hypermodel: with ``build(hp)``, and perhaps ``declare_hyperparameters(hp)``.

    Returns:
        Keras Tuner's hyperparameters as a configuration, without values.
    """
    from keras_tuner.engine.base_tuner import BaseTuner
    from keras_tuner.oracles import RandomSearchOracle

    oracle = RandomSearchOracle(objective="val_loss")
    if hasattr(hypermodel, "declare_hyperparameters"):
        hp = oracle.get_space()
        hypermodel.declare_hyperparameters(hp)
        oracle.update_space(hp)
    BaseTuner._activate_all_conditions(SimpleNamespace(oracle=oracle, hypermodel=hypermodel))
    seeds = itertools.count()
    nothing_new = turns = 0
    while nothing_new < _ENOUGH and turns < _MOST:
        hp = oracle.get_space()
        for parameter in hp.space:
            hp.values[parameter.name] = parameter.random_sample(next(seeds))
        hp.ensure_active_values()
        before = len(hp.space)
        with contextlib.suppress(Exception):  # the trial with these values will say it
            hypermodel.build(hp)
        nothing_new = nothing_new + 1 if len(hp.space) == before else 0
        turns += 1
        oracle.update_space(hp)
    return dict(oracle.get_space().get_config(), values={})


def can_vary(hp: Any) -> bool:
    """Whether a search can try more than one point.

    Args:
        hp: Keras Tuner's hyperparameters.

    Returns:
        True if a parameter has more than one value.
    """
    return any(len({p.random_sample(seed) for seed in range(50)}) > 1 for p in hp.space)
