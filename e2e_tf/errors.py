"""The one exception for bad input, and the exit status that goes with it."""

from __future__ import annotations

__all__ = ["EXIT_BAD_INPUT", "InputError"]

EXIT_BAD_INPUT = 2


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence that says what was wrong, what is accepted and what came. The command line
    prints it without a traceback and exits with status 2; in Python it is an ordinary ``ValueError``.
    """
