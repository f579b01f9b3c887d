"""Commands to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from e2e_tf.cli.common import START, ForceOwn, app

__all__ = ["demo", "new"]


@app.command(rich_help_panel=START)
def demo(
    out: Annotated[Path, typer.Option(help="New folder for everything the demo makes.")] = Path("demo_out"),
    force: ForceOwn = False,
) -> None:
    """Train the tau tagger on the shipped sample, evaluate it, export it and validate the bundle."""
    from e2e_tf.demo import run_demo

    if not run_demo(out, force=force):
        raise typer.Exit(1)


@app.command(rich_help_panel=START)
def new(folder: Annotated[Path, typer.Argument(help="New folder.")]) -> None:
    """Write a commented project that runs as it is: configurations, a Keras model, a picture of a jet, batch jobs."""
    from e2e_tf.new_project import new_project
    from e2e_tf.terminal import say

    made = new_project(folder)
    say(
        f"Project in {made}; its README.md says how to go on, beginning with 'e2e-tf fit tagger.toml -o run' there"
    )
