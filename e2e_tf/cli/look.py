"""Commands that make pages to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from e2e_tf.cli.common import TRAIN, AsJson, Force, PlotSettings, Reader, app

__all__ = ["compare", "display"]


@app.command(rich_help_panel=TRAIN)
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of two runs or more.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write a page (HTML) too.")] = None,
    as_json: AsJson = False,
    force: Force = False,
) -> None:
    """Compare runs on the test jets that they share, with paired errors."""
    from e2e_tf.terminal import print_json, say
    from e2e_tf.training.compare import compare as run
    from e2e_tf.training.compare import comparison_table

    result = run(runs, output, force=force)
    print_json(result) if as_json else comparison_table(result)
    if output is not None and not as_json:
        say(f"Comparison in {output}")


@app.command(rich_help_panel=TRAIN)
def display(
    what: Annotated[str, typer.Argument(help="Run folder, file of jets, or the name of a shipped sample.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New page (HTML).")],
    sample: Annotated[str, typer.Option(help="With a run: jets of this file, not of its test part.")] = "",
    jets: Annotated[int, typer.Option(help="Number of jets.")] = 24,
    nodes: Annotated[str, typer.Option(help="With a file: hits, candidates or detector.")] = "",
    graph: Annotated[str, typer.Option(help="With a file: edges, such as knn:8.")] = "",
    reader: Reader = "",
    changes: PlotSettings = [],  # noqa: B006
    force: Force = False,
) -> None:
    """Show jets with their graph in the browser, in η and φ and in space, with the attention of a run."""
    from e2e_tf.config import plot_style
    from e2e_tf.terminal import say
    from e2e_tf.training.display.make import display as run
    from e2e_tf.training.run import open_run

    style = None
    if changes:
        of_run = open_run(what) if Path(what).is_dir() else None
        style = (
            plot_style(changes) if of_run is None else plot_style(changes, of_run.config.plots, of_run.energy)
        )
    count = run(
        what,
        output,
        sample=sample,
        jets=jets,
        nodes=nodes,
        graph=graph,
        reader=reader,
        style=style,
        force=force,
    )
    say(f"{count} jets in {output}")
