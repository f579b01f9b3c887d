"""The commands of ``e2e-tf`` that read and write data; :mod:`e2e_tf.cli` has the others and joins them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Force", "app", "convert", "dump_jets", "fetch", "inspect"]

app = typer.Typer()

Force = Annotated[bool, typer.Option("--force", help="Replace what exists.")]


@app.command()
def convert(
    inputs: Annotated[list[Path], typer.Argument(help="Files of any format that the library reads.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New graph store (HDF5).")],
    graph: Annotated[str, typer.Option(help="The graph, such as knn:8+delaunay; empty chooses one.")] = "",
    nodes: Annotated[
        str, typer.Option(help="hits, candidates, detector or pixels; empty takes what the input has.")
    ] = "",
    max_nodes: Annotated[int, typer.Option(help="Keep this many leading nodes; 0 keeps all.")] = 0,
    reader: Annotated[str, typer.Option(help="Format of the files; empty recognises it.")] = "",
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE for the reader; lists with commas.")
    ] = None,
    processes: Annotated[int, typer.Option(help="Processes to use; the result does not depend on it.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted conversion.")] = False,
    on_error: Annotated[str, typer.Option(help="At damaged input: stop, or skip it and count it.")] = "stop",
    scheduler: Annotated[str, typer.Option(help="Address of a dask scheduler (extra 'dask').")] = "",
    force: Force = False,
) -> None:
    """Make one graph store of files of any format that the library reads."""
    from e2e_tf.data.convert import convert as run
    from e2e_tf.data.convert import reader_options, recipe_for
    from e2e_tf.terminal import say

    options = reader_options(option or [])
    report = run(
        inputs,
        output,
        recipe_for(inputs, graph, nodes, max_nodes, reader, options, on_error),
        reader=reader,
        options=options,
        processes=processes,
        resume=resume,
        on_error=on_error,
        scheduler=scheduler,
        force=force,
    )
    say(str(report))


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="File of jets, graph store, or any readable format.")],
    reader: Annotated[str, typer.Option(help="Format of the file; empty recognises it.")] = "",
    plot: Annotated[Path | None, typer.Option(help="Draw the distributions into this new file.")] = None,
    force: Force = False,
) -> None:
    """Show what is in a file: columns, counts, classes, nodes and edges."""
    from e2e_tf.data.inspect import inspect as look
    from e2e_tf.data.inspect import plot_summary, print_summary

    summary = look(file, reader)
    print_summary(summary)
    if plot is not None:
        plot_summary(summary, plot, force=force)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Name of a public data set; 'list' shows them.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Existing folder.")] = Path(),
    files: Annotated[str, typer.Option(help="Only files that fit this pattern, such as 'test*'.")] = "*",
    unpack: Annotated[
        bool, typer.Option("--unpack", help="Unpack archives, each into a new folder of its name.")
    ] = False,
) -> None:
    """Download a public data set, or go on with a download that stopped."""
    from e2e_tf.data.fetch import DATASETS, extract
    from e2e_tf.data.fetch import fetch as run
    from e2e_tf.terminal import say

    if name == "list":
        for known, dataset in DATASETS.items():
            say(f"{known}: {dataset.description}")
        return
    for path, checked in run(name, output, files=files):
        say(f"{path}" if checked else f"{path} (its publisher gives no checksum)")
        if unpack and path.name.endswith((".zip", ".tar", ".tgz", ".tar.gz")):
            target = path.with_name(path.name.partition(".")[0])
            say(f"{len(extract(path, target))} files in {target}")


@app.command("dump-jets")
def dump_jets(
    jets: Annotated[Path, typer.Argument(help="File of jets, in any format that 'fit' reads.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New file for the C++ runner.")],
    force: Force = False,
) -> None:
    """Write raw jets for the C++ runner e2e_tf_run."""
    from e2e_tf.deploy.candidates import write_candidates
    from e2e_tf.terminal import say
    from e2e_tf.training.prepare import load_jets

    found, _ = load_jets(str(jets))
    write_candidates(output, found, force=force)
    say(f"{len(found)} jets in {output}")
