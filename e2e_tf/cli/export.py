"""Commands that bring a trained network elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from e2e_tf.cli.common import (
    EXPORT,
    AsJson,
    Force,
    ForceOwn,
    Imports,
    Options,
    Reader,
    Relocate,
    app,
    moves,
    named,
)

__all__ = ["cmssw", "dump_jets", "export", "triton", "validate"]


@app.command(rich_help_panel=EXPORT)
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
    one_jet: Annotated[
        bool,
        typer.Option(
            "--one-jet", help="Also write ONNX for one jet at a time, of fixed output shape (edges)."
        ),
    ] = False,
    fused_attention: Annotated[
        bool,
        typer.Option(
            "--fused-attention",
            help="Also write ONNX with each attention as one operation, for GPUs (from 14_1 on).",
        ),
    ] = False,
    proof: Annotated[
        int, typer.Option(help="Random jets of the validation that goes into the manifest; 0 leaves it out.")
    ] = 1000,
    imports: Imports = [],  # noqa: B006  # as typer takes lists
    relocate: Relocate = [],  # noqa: B006
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
        one_jet=one_jet,
        fused_attention=fused_attention,
        proof=proof,
        imports=imports,
        relocate=moves(relocate),
    )
    say(f"Bundle in {done}")


@app.command(rich_help_panel=EXPORT)
def validate(
    bundle: Annotated[Path, typer.Argument(help="Bundle, the folder that 'export' writes.")],
    jets: Annotated[int, typer.Option(help="Number of jets.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the jets.")] = 0,
    runner: Annotated[
        Path | None,
        typer.Option(help="e2e_tf_run for the validation in C++; by default the one of 'make cpp'."),
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Write the result into the manifest.")] = False,
    closure: Annotated[
        Path | None,
        typer.Option(
            help="Also compile this CMSSW package of the bundle, Subsystem/Package, and run it on simulated events."
        ),
    ] = None,
    imports: Imports = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Check that Keras, frozen graph, SavedModel and ONNX Runtime give the same scores, in Python and C++."""
    from e2e_tf.deploy.report import agreement_document, agreement_table, closure_document, closure_table
    from e2e_tf.deploy.validate import validate as run_validation
    from e2e_tf.terminal import print_json

    agreements = run_validation(bundle, jets=jets, seed=seed, runner=runner, write=record, imports=imports)
    if not as_json:
        agreement_table(agreements)
    closed = None
    if closure is not None:
        from e2e_tf.deploy.closure import closure as run_closure

        closed = run_closure(bundle, closure, imports=imports)
    if as_json:
        document = agreement_document(agreements)
        print_json(document if closed is None else document | {"closure": closure_document(closed)})
    elif closed is not None:
        closure_table(closed)
    if any(agreement.failed for agreement in agreements) or (closed is not None and closed.failed):
        raise typer.Exit(1)


@app.command(rich_help_panel=EXPORT)
def cmssw(
    bundles: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]BUNDLE...",
            help="Bundle, the folder that 'export' writes; of several each has a module, by its name or its folder's.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder that will hold the package.")],
    package: Annotated[str, typer.Option(help="Subsystem/Package.")] = "RecoTauTag/E2ETagger",
    force: ForceOwn = False,
) -> None:
    """Write a CMSSW package of a bundle or several: producers, configuration, data, unit test."""
    from e2e_tf.deploy.cmssw import cmssw_package
    from e2e_tf.terminal import say

    say(f"CMSSW package in {cmssw_package(named(bundles), output, package=package, force=force)}")


@app.command(rich_help_panel=EXPORT)
def triton(
    bundle: Annotated[Path, typer.Argument(help="Bundle, the folder that 'export' writes.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New model repository.")],
    name: Annotated[str, typer.Option(help="Name of the model.")] = "e2e_tagger",
    form: Annotated[
        str,
        typer.Option(
            help="onnx, onnx_float16, onnx_int8, onnx_fused, onnx_fused_float16, saved_model or frozen_graph."
        ),
    ] = "onnx",
    max_batch_size: Annotated[int, typer.Option(help="Most jets in a batch; not for edges.")] = 500,
    force: ForceOwn = False,
) -> None:
    """Write a Triton model repository of a bundle, for SONIC."""
    from e2e_tf.deploy.triton import triton as write
    from e2e_tf.terminal import say

    done = write(bundle, output, name=name, form=form, max_batch_size=max_batch_size, force=force)
    say(f"Model repository in {done}")


@app.command("dump-jets", rich_help_panel=EXPORT)
def dump_jets(
    jets: Annotated[Path, typer.Argument(help="File of jets, in any format that 'fit' reads.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New file for the C++ runner.")],
    reader: Reader = "",
    option: Options = [],  # noqa: B006
    force: Force = False,
) -> None:
    """Write raw jets for the C++ runner e2e_tf_run."""
    from e2e_tf.data.readers.options import reader_options
    from e2e_tf.data.sources import load_jets
    from e2e_tf.deploy.candidates import write_candidates
    from e2e_tf.terminal import say

    found, _ = load_jets(str(jets), reader, options=reader_options(option))
    write_candidates(output, found, force=force)
    say(f"{len(found)} jets in {output}")
