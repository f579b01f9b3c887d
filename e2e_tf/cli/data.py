"""Commands on files of jets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from e2e_tf.cli.common import DATA, AsJson, Force, Options, PlotSettings, Reader, app

__all__ = ["convert", "fetch", "inspect", "simulate"]


@app.command(rich_help_panel=DATA)
def inspect(
    file: Annotated[
        str, typer.Argument(help="File of jets, graph store, or any readable format; also an address.")
    ],
    reader: Reader = "",
    option: Options = [],  # noqa: B006  # as typer takes lists
    plot: Annotated[Path | None, typer.Option(help="Draw the distributions into this new file.")] = None,
    changes: PlotSettings = [],  # noqa: B006
    as_json: AsJson = False,
    force: Force = False,
) -> None:
    """Show what is in a file: how it can be read, columns, counts, classes, histograms, nodes and edges."""
    from e2e_tf.data.inspect import inspect as look
    from e2e_tf.data.inspect import plot_summary, print_summary
    from e2e_tf.data.readers.options import reader_options
    from e2e_tf.data.ways import print_ways, ways
    from e2e_tf.errors import InputError
    from e2e_tf.terminal import print_json, say

    found = ways(file)
    chosen = reader or option or (len(found[1]) == 1 and found[1][0].complete)
    if not chosen and plot is None and not as_json:
        print_ways(file, found)
        return
    try:
        summary = look(file, reader, reader_options(option))
    except InputError:
        if not as_json:
            say(f"{file}: {found[0]}")
        raise
    if as_json:
        print_json(summary.to_dict())
    else:
        print_summary(summary)
        print_ways(file, found)
    if plot is not None:
        from e2e_tf.config import plot_style
        from e2e_tf.data.definition import collision_energy

        # Jets without truth may be recorded ones.
        given = ["plots.formats=[]", *(["plots.data=true"] if summary.label is None else []), *changes]
        style = plot_style(given, energy=collision_energy(summary.attributes))
        plot_summary(summary, plot, force=force, style=style)


@app.command(rich_help_panel=DATA)
def convert(
    inputs: Annotated[list[str], typer.Argument(help="Files of any format that the library reads.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New graph store (HDF5).")],
    graph: Annotated[str, typer.Option(help="The graph, such as knn:8+delaunay; empty chooses one.")] = "",
    nodes: Annotated[
        str, typer.Option(help="hits, candidates, detector or pixels; empty takes what the input has.")
    ] = "",
    max_nodes: Annotated[int, typer.Option(help="Keep this many leading nodes; 0 keeps all.")] = 0,
    reader: Annotated[str, typer.Option(help="Format of the files; empty recognises it.")] = "",
    option: Options = [],  # noqa: B006
    processes: Annotated[int, typer.Option(help="Processes to use; the result does not depend on it.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted conversion.")] = False,
    on_error: Annotated[str, typer.Option(help="At damaged input: stop, or skip it and count it.")] = "stop",
    scheduler: Annotated[str, typer.Option(help="Address of a dask scheduler (extra 'dask').")] = "",
    force: Force = False,
) -> None:
    """Make one graph store of files of any format that the library reads."""
    from e2e_tf.data.convert import convert as run
    from e2e_tf.data.convert import recipe_for
    from e2e_tf.data.readers.options import reader_options
    from e2e_tf.terminal import say

    options = reader_options(option)
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


@app.command(rich_help_panel=DATA)
def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", help="New HDF5 file.")],
    process: Annotated[
        str, typer.Option(help="What to simulate: tau, wtau, wtau_all, z_jet, dijet, top or egamma.")
    ] = "tau",
    jets: Annotated[int, typer.Option(help="Number of jets, half of them signal.")] = 8000,
    seed: Annotated[int, typer.Option(help="Seed; the same seed gives the same file.")] = 1,
    pileup: Annotated[float, typer.Option(help="Mean number of pileup collisions in an event.")] = 0.0,
    detector: Annotated[str, typer.Option(help="Response: cms, or cms2012 tuned to 2012 jets.")] = "cms",
    objects: Annotated[
        bool,
        typer.Option(
            "--objects",
            help="Write detector objects too: tracks, crystals, towers, pixel clusters, vertices.",
        ),
    ] = False,
    workers: Annotated[int, typer.Option(help="Processes to use; the result does not depend on it.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted simulation.")] = False,
    force: Force = False,
) -> None:
    """Simulate jets with hits, candidates and truth (needs the extra 'sim')."""
    from e2e_tf.sim import simulate as run

    run(
        process,
        jets,
        seed,
        output,
        pileup=pileup,
        detector=detector,
        objects=objects,
        workers=workers,
        resume=resume,
        force=force,
    )


@app.command(rich_help_panel=DATA)
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
