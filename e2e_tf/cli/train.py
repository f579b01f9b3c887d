"""Commands that train networks and say how good they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from e2e_tf.cli.common import TRAIN, AsJson, Force, Options, PlotSettings, Relocate, Settings, app, moves

__all__ = ["evaluate", "fit", "models", "predict", "tune"]


@app.command(rich_help_panel=TRAIN)
def models(
    name: Annotated[str, typer.Argument(help="Name of a model; without, all of them.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the models: what they take and how many parameters they have."""
    from e2e_tf.models.listing import describe_models, list_models
    from e2e_tf.terminal import print_json

    print_json(describe_models(name)) if as_json else list_models(name)


@app.command(rich_help_panel=TRAIN)
def fit(
    config: Annotated[Path, typer.Argument(help="Configuration (TOML).")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Run folder; an unfinished one is continued.")
    ],
    folds: Annotated[
        int | None,
        typer.Option(
            help="Train a run for each of N folds (0: data.folds), score every jet by the one that has not seen it."
        ),
    ] = None,
    changes: Settings = [],  # noqa: B006  # as typer takes lists
    force: Force = False,
) -> None:
    """Train a run, or continue one that was stopped."""
    from e2e_tf.config import read_config
    from e2e_tf.terminal import say

    read = read_config(config, changes)
    if folds is not None:
        from e2e_tf.training.folds import fit_folds, folds_table

        folds_table(fit_folds(read, output, folds, force=force, base=config.parent))
        say(f"Scores of all jets in {output / 'scores.h5'}, numbers in {output / 'folds.json'}")
        return
    from e2e_tf.training.fit import fit as run

    run(read, output, force=force, base=config.parent)
    say(f"Run in {output}; evaluate it with 'e2e-tf evaluate {output}'")


@app.command(rich_help_panel=TRAIN)
def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    relocate: Relocate = [],  # noqa: B006
    changes: PlotSettings = [],  # noqa: B006
    as_json: AsJson = False,
    force: Force = False,
) -> None:
    """Evaluate a run on its test part, beside boosted trees trained on the same split."""
    from e2e_tf.config import plot_style
    from e2e_tf.terminal import print_json, say
    from e2e_tf.training.evaluate import evaluate as run_evaluation
    from e2e_tf.training.report import metrics_table
    from e2e_tf.training.run import open_run

    opened = open_run(run, moves(relocate)) if changes else None
    style = None if opened is None else plot_style(changes, opened.config.plots, opened.energy)
    metrics = run_evaluation(run, force=force, relocate=moves(relocate), style=style)
    if as_json:
        print_json(metrics)
        return
    metrics_table(metrics)
    say(f"Report in {run / 'report.html'}, pictures beside it")


@app.command(rich_help_panel=TRAIN)
def predict(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    sample: Annotated[str, typer.Argument(help="File of jets, or the name of a shipped sample.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="New file: .h5, .root (friends), .parquet, .csv.")
    ],
    reader: Annotated[str, typer.Option(help="Reader of the file; empty takes the run's.")] = "",
    option: Options = [],  # noqa: B006
    force: Force = False,
) -> None:
    """Score jets of any format that the library reads, with or without truth."""
    from e2e_tf.data.readers.options import reader_options
    from e2e_tf.terminal import say
    from e2e_tf.training.predict import predict_file

    jets = predict_file(run, sample, output, reader=reader, options=reader_options(option), force=force)
    say(f"Scores of {jets} jets in {output}")


@app.command(rich_help_panel=TRAIN)
def tune(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration (TOML) with a section \\[tune]; a worker needs none.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Sweep folder, continued if it exists; or run folder."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Trials side by side on this machine, one GPU each.")] = 1,
    chief: Annotated[
        str,
        typer.Option(help="HOST:PORT where this chief serves workers; with --worker, the chief to work for."),
    ] = "",
    worker: Annotated[bool, typer.Option("--worker", help="Run trials for the chief.")] = False,
    retrain: Annotated[
        Path | None, typer.Option(help="Sweep folder: train its best configuration on all data.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of --retrain.")] = 5,
    changes: Settings = [],  # noqa: B006
    relocate: Relocate = [],  # noqa: B006
    force: Annotated[bool, typer.Option("--force", help="With --retrain, replace the run folder.")] = False,
) -> None:
    """Search for better settings, or continue a search; --retrain trains the best ones."""
    from e2e_tf.tuning.command import run

    run(config, output, workers, chief, worker, retrain, seeds, force, changes, moves(relocate))
