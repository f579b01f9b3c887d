"""What a search makes largest or smallest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from e2e_tf.config import RunConfig
from e2e_tf.errors import InputError
from e2e_tf.training.loop import logged, monitor
from e2e_tf.training.targets import label_output
from e2e_tf.tuning.config import TuneConfig

__all__ = ["Objective", "make_objective", "run_objective"]

_SMALLER = (
    "loss error mse mae rmse mape msle crossentropy logcosh huber deviance latency_ms seconds parameters"
)
_LARGER = "auc acc accuracy precision recall f1 score efficiency rejection significance r2"
# What a quantity is, the end of its name says: val_auc, val_decay_mode_accuracy, root_mean_squared_error.
_SMALLER_IS_BETTER = re.compile(rf"(^|_)({'|'.join(_SMALLER.split())})$")
# An efficiency or a score of what should not pass: smaller would be better, or the name does not say.
_UNWANTED = re.compile(r"(^|_)(background|bkg|qcd|false|fake|mistag|pileup)(_|$)")
_LARGER_IS_BETTER = re.compile(rf"(^|_)({'|'.join(_LARGER.split())})$")


@dataclass(frozen=True)
class Objective:
    """A quantity by name, and which way is better.

    Attributes:
        name: as it is logged, or ``rejection@0.7``.
        direction: ``max`` or ``min``.
        auc: what chooses the best epoch where the objective is not known per epoch, a rejection: the validation
            AUC of the same output.
    """

    name: str
    direction: str
    auc: str = "val_auc"

    @property
    def efficiency(self) -> float | None:
        """The signal efficiency of ``rejection@…``, None for another objective."""
        return float(self.name.partition("@")[2]) if self.name.startswith("rejection@") else None

    @property
    def monitor(self) -> str:
        """What chooses the best epoch: the objective where it is known per epoch, else the validation AUC."""
        return self.auc if self.efficiency is not None else self.name

    @property
    def monitor_direction(self) -> str:
        """Which way the monitored quantity is better."""
        return "max" if self.efficiency is not None else self.direction

    def better(self, a: float, b: float) -> bool:
        """True if ``a`` is better than ``b``.

        Args:
            a: one value.
            b: another one.

        Returns:
            Whether it is; equal values are not better.
        """
        return a > b if self.direction == "max" else a < b

    def best(self, values: Sequence[float]) -> int:
        """Where the best value stands; the first of equals.

        Args:
            values: at least one.

        Returns:
            Its index.
        """
        return values.index(max(values) if self.direction == "max" else min(values))

    def require(self, metrics: Mapping[str, object]) -> None:
        """Refuse metrics that lack the objective.

        Args:
            metrics: by name, those of a trial.

        Raises:
            InputError: naming the quantities that are logged.
        """
        if self.name not in metrics:
            raise InputError(
                f"tune.objective must be one of what the model logs, {', '.join(metrics)}, not {self.name!r}"
            )


def make_objective(name: str, direction: str = "", known: Sequence[str] | None = None) -> Objective:
    """An objective by name.

    Args:
        name: a logged quantity, or ``rejection@`` and a signal efficiency.
        direction: ``max`` or ``min``; empty where the name says it: ``min`` for losses, errors, times and numbers of
            parameters, ``max`` for areas, accuracies, efficiencies and scores.
        known: the quantities there will be; None if only training can tell.

    Returns:
        The objective.

    Raises:
        InputError: the name is not known, its direction is neither given nor known, or the efficiency is not between
            0 and 1.
    """
    if name.startswith("rejection@"):
        text = name.partition("@")[2]
        if not re.fullmatch(r"0?\.\d+", text) or not float(text) > 0:
            raise InputError(
                f"tune.objective: a rejection needs a signal efficiency between 0 and 1, such as rejection@0.7, "
                f"not {name!r}"
            )
        return Objective(name, direction or "max")
    if known is not None and name not in known:
        raise InputError(
            f"tune.objective must be one of what the model logs, {', '.join(known)}, or rejection@<efficiency>, "
            f"not {name!r}"
        )
    if not direction:
        smaller = _SMALLER_IS_BETTER.search(name)
        larger = None if _UNWANTED.search(name) else _LARGER_IS_BETTER.search(name)
        if not smaller and not larger:
            raise InputError(
                f"tune.direction must be 'max' or 'min' for the objective {name!r}: its name does not say which way "
                f"is better"
            )
        direction = "min" if smaller else "max"
    return Objective(name, direction)


def run_objective(tune: TuneConfig, config: RunConfig | None, own_model: bool = False) -> Objective:
    """The objective of a search.

    Args:
        tune: the section ``[tune]``.
        config: the run that is varied, if any.
        own_model: the HyperModel is the user's own, so that only its training can tell what it logs.

    Returns:
        The objective.

    Raises:
        InputError: as :func:`make_objective`, or a rejection is asked for and no output is the label.
    """
    own_model = own_model or config is None or bool(tune.hypermodel)
    objective = make_objective(
        tune.objective, tune.direction, None if own_model or config is None else logged(config)
    )
    if objective.efficiency is None or config is None or not config.outputs:
        return objective
    name = label_output(config)
    if name is None:
        raise InputError(
            f"tune.objective {tune.objective!r} needs an output that is the label; the outputs are "
            f"{', '.join(config.outputs)}"
        )
    return replace(objective, auc=monitor(config, name))
