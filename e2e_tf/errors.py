"""The exceptions that end a command in one sentence, and the exit statuses that go with them."""

from __future__ import annotations

__all__ = ["EXIT_BAD_INPUT", "EXIT_DIVERGED", "InputError", "TrainingDiverged"]

EXIT_DIVERGED = 1
EXIT_BAD_INPUT = 2


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence that says what was wrong, what is accepted and what came. The command line
    prints it without a traceback and exits with status 2; in Python it is an ordinary ``ValueError``.
    """


class TrainingDiverged(ArithmeticError):
    """The loss of a training, or a parameter of its model, has become NaN or infinite.

    The message is one sentence. The command line prints it without a traceback and exits with status 1.

    Args:
        message: what happened, and what can be done.
        epoch: in which it happened, counted from 0.
    """

    def __init__(self, message: str, epoch: int = 0) -> None:
        super().__init__(message)
        self.epoch = epoch
