"""What a search makes largest or smallest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from e2e_tf.errors import InputError

__all__ = ["Objective", "make_objective"]

# Everything the training of this library logs per epoch.
LOGGED = ("val_auc", "val_loss", "auc", "loss")
_SMALLER_IS_BETTER = re.compile(r"(^|_)(loss|error|mse|mae|crossentropy|latency_ms|seconds)$")


@dataclass(frozen=True)
class Objective:
    """A quantity by name, and which way is better.

    Attributes:
        name: as it is logged, or ``rejection@0.7``.
        direction: ``max`` or ``min``.
    """

    name: str
    direction: str

    @property
    def efficiency(self) -> float | None:
        """The signal efficiency of ``rejection@…``, None for another objective."""
        return float(self.name.partition("@")[2]) if self.name.startswith("rejection@") else None

    @property
    def monitor(self) -> str:
        """What chooses the best epoch: the objective where it is known per epoch, else the validation AUC."""
        return "val_auc" if self.efficiency is not None else self.name

    @property
    def monitor_direction(self) -> str:
        """Which way the monitored quantity is better."""
        return "max" if self.efficiency is not None else self.direction

    def better(self, a: float, b: float) -> bool:
        """True if ``a`` is better than ``b``."""
        return a > b if self.direction == "max" else a < b

    def best(self, values: Sequence[float]) -> int:
        """Where the best value stands; the first of equals."""
        return values.index(max(values) if self.direction == "max" else min(values))

    def require(self, metrics: Mapping[str, object]) -> None:
        """Refuse metrics that lack the objective.

        Raises:
            InputError: naming what there is.
        """
        if self.name not in metrics:
            raise InputError(
                f"tune.objective must be one of what the model logs, {', '.join(metrics)}, not {self.name!r}"
            )


def make_objective(name: str, direction: str = "", known: Sequence[str] | None = None) -> Objective:
    """An objective by name.

    Args:
        name: a logged quantity, or ``rejection@`` and a signal efficiency.
        direction: ``max`` or ``min``; empty: ``min`` for a loss, an error or a time, ``max`` for all others.
        known: the quantities there will be; None if only training can tell.

    Raises:
        InputError: the name is not known, or the efficiency is not between 0 and 1.
    """
    if name.startswith("rejection@"):
        text = name.partition("@")[2]
        if not re.fullmatch(r"0?\.\d+", text) or not float(text) > 0:
            raise InputError(
                f"tune.objective: a rejection needs a signal efficiency between 0 and 1, such as rejection@0.7, "
                f"not {name!r}"
            )
    elif known is not None and name not in known:
        raise InputError(
            f"tune.objective must be one of what the model logs, {', '.join(known)}, or rejection@<efficiency>, "
            f"not {name!r}"
        )
    return Objective(name, direction or ("min" if _SMALLER_IS_BETTER.search(name) else "max"))
