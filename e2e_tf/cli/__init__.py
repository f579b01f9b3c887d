"""The command ``e2e-tf``: each subcommand is a thin layer over a public function."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

# isort: off
from e2e_tf.cli import start, data, train, look, export  # in the order of the help

# isort: on
from e2e_tf.cli.common import app
from e2e_tf.errors import EXIT_BAD_INPUT, EXIT_DIVERGED, InputError, TrainingDiverged

__all__ = ["app", "data", "export", "look", "main", "start", "train"]


def _renamed(old: str, new: str, command: Callable[..., None]) -> None:
    """Keep the old name of a command: it says the new one on standard error and does the same."""

    @functools.wraps(command)
    def call(*args: object, **options: object) -> None:
        print(f"e2e-tf: note: '{old}' is now called '{new}'", file=sys.stderr)
        command(*args, **options)

    app.command(old, hidden=True)(call)


_renamed("verify", "validate", export.validate)
_renamed("candidates", "dump-jets", export.dump_jets)


def main() -> None:
    """Entry point: bad input ends with one sentence and exit status 2, a training that diverged with status 1."""
    try:
        app()
    except InputError as error:
        print(f"e2e-tf: error: {error}", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    except TrainingDiverged as error:
        print(f"e2e-tf: error: {error}", file=sys.stderr)
        sys.exit(EXIT_DIVERGED)
