"""The command ``e2e-tf``: each subcommand is a thin layer over a public function."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from e2e_tf import __version__, cli_data
from e2e_tf.cli_data import Force, dump_jets
from e2e_tf.errors import EXIT_BAD_INPUT, EXIT_DIVERGED, InputError, TrainingDiverged

__all__ = ["app", "main"]

app = typer.Typer(
    name="e2e-tf",
    help="Graph networks for end-to-end particle identification at CMS: train, evaluate, export, validate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Imports = Annotated[
    list[str],
    typer.Option(
        "--import", help="Module or Python file that registers the model's own layers; may be repeated."
    ),
]
ForceOwn = Annotated[
    bool, typer.Option("--force", help="Replace what this command has written there; all else stays.")
]


def _version(value: bool) -> None:
    if value:
        print(f"e2e-tf {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of the command itself."""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="New folder for everything the demo makes.")] = Path("demo_out"),
    force: ForceOwn = False,
) -> None:
    """Train the tau tagger on the shipped sample, evaluate it, export it and validate the bundle."""
    from e2e_tf.demo import run_demo

    if not run_demo(out, force=force):
        raise typer.Exit(1)


@app.command()
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


@app.command()
def fit(
    config: Annotated[Path, typer.Argument(help="Configuration (TOML).")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Run folder; an unfinished one is continued.")
    ],
    force: Force = False,
) -> None:
    """Train a run, or continue one that was stopped."""
    from e2e_tf.training.fit import fit as run

    run(config, output, force=force)


@app.command()
def evaluate(run: Annotated[Path, typer.Argument(help="Run folder.")], force: Force = False) -> None:
    """Evaluate a run on its test part, beside boosted trees trained on the same split."""
    from e2e_tf.training.evaluate import evaluate as run_evaluation
    from e2e_tf.training.report import metrics_table

    metrics_table(run_evaluation(run, force=force))


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    sample: Annotated[str, typer.Argument(help="File of jets, or the name of a shipped sample.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New HDF5 file.")],
    reader: Annotated[str, typer.Option(help="Format of the file; empty recognises it.")] = "",
    force: Force = False,
) -> None:
    """Score jets of any format that the library reads, with or without truth."""
    from e2e_tf.terminal import say
    from e2e_tf.training.predict import predict_file

    jets = predict_file(run, sample, output, reader=reader, force=force)
    say(f"Scores of {jets} jets in {output}")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Run folder, or a Keras model (.keras, .h5).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder for the bundle.")],
    cmssw: Annotated[
        str, typer.Option(help="Oldest release series that must run it, such as 14_1.")
    ] = "13_1",
    interface: Annotated[
        str,
        typer.Option(
            help="padded (graph built inside), edges or tensors; empty takes what the model allows."
        ),
    ] = "",
    formats: Annotated[
        str, typer.Option(help="Of onnx, pb and savedmodel, joined by commas.")
    ] = "onnx,pb,savedmodel",
    float16_weights: Annotated[bool, typer.Option(help="Also write ONNX with float16 weights.")] = False,
    int8: Annotated[bool, typer.Option(help="Also write ONNX with int8 weights and products.")] = False,
    fixed: Annotated[
        tuple[int, int] | None, typer.Option(help="Also write a graph for this many jets and nodes, for XLA.")
    ] = None,
    proof: Annotated[
        int, typer.Option(help="Random jets of the validation that goes into the manifest; 0 leaves it out.")
    ] = 1000,
    imports: Imports = [],  # noqa: B006  # as typer takes lists
    force: ForceOwn = False,
) -> None:
    """Write a bundle: frozen graph, SavedModel and ONNX with manifest.json and preprocess.json, validated."""
    from e2e_tf.deploy.export import export as write
    from e2e_tf.terminal import say

    done = write(
        run,
        output,
        force=force,
        cmssw=cmssw,
        interface=interface,
        formats=formats.split(","),
        float16_weights=float16_weights,
        int8=int8,
        fixed=fixed,
        proof=proof,
        imports=imports,
    )
    say(f"Bundle in {done}")


@app.command()
def validate(
    bundle: Annotated[Path, typer.Argument(help="Bundle, the folder that 'export' writes.")],
    jets: Annotated[int, typer.Option(help="Number of jets.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the jets.")] = 0,
    runner: Annotated[
        Path | None,
        typer.Option(help="e2e_tf_run for the validation in C++; by default the one of 'make cpp'."),
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Write the result into the manifest.")] = False,
    imports: Imports = [],  # noqa: B006
) -> None:
    """Check that Keras, frozen graph, SavedModel and ONNX Runtime give the same scores, in Python and C++."""
    from e2e_tf.deploy.report import agreement_table
    from e2e_tf.deploy.validate import validate as run_validation

    if not agreement_table(
        run_validation(bundle, jets=jets, seed=seed, runner=runner, write=record, imports=imports)
    ):
        raise typer.Exit(1)


@app.command()
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
    force: Annotated[bool, typer.Option("--force", help="With --retrain, replace the run folder.")] = False,
) -> None:
    """Search for better settings, or continue a search; --retrain trains the best ones."""
    from e2e_tf.tuning.command import run

    run(config, output, workers, chief, worker, retrain, seeds, force)


@app.command()
def models(
    name: Annotated[str, typer.Argument(help="Name of a model; without, all of them.")] = "",
) -> None:
    """List the models: what they take and how many parameters they have."""
    from e2e_tf.models.listing import list_models

    list_models(name)


@app.command()
def triton(
    bundle: Annotated[Path, typer.Argument(help="Bundle, the folder that 'export' writes.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New model repository.")],
    name: Annotated[str, typer.Option(help="Name of the model.")] = "e2e_tagger",
    form: Annotated[str, typer.Option(help="onnx, saved_model or frozen_graph.")] = "onnx",
    force: ForceOwn = False,
) -> None:
    """Write a Triton model repository of a bundle, for SONIC."""
    from e2e_tf.deploy.triton import triton as write
    from e2e_tf.terminal import say

    say(f"Model repository in {write(bundle, output, name=name, form=form, force=force)}")


@app.command()
def cmssw(
    bundle: Annotated[Path, typer.Argument(help="Bundle, the folder that 'export' writes.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder that will hold the package.")],
    package: Annotated[str, typer.Option(help="Subsystem/Package.")] = "RecoTauTag/E2ETagger",
    force: ForceOwn = False,
) -> None:
    """Write a CMSSW package of a bundle: producers, configuration, data, unit test."""
    from e2e_tf.deploy.cmssw import cmssw_package
    from e2e_tf.terminal import say

    say(f"CMSSW package in {cmssw_package(bundle, output, package=package, force=force)}")


def _renamed(old: str, new: str, command: Callable[..., None]) -> None:
    """Keep the old name of a command: it says the new one on standard error and does the same."""

    @functools.wraps(command)
    def call(*args: object, **options: object) -> None:
        print(f"e2e-tf: note: '{old}' is now called '{new}'", file=sys.stderr)
        command(*args, **options)

    app.command(old, hidden=True)(call)


app.registered_commands += cli_data.app.registered_commands


_renamed("verify", "validate", validate)
_renamed("candidates", "dump-jets", dump_jets)


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
