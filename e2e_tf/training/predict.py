"""Scores of jets by a trained model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from e2e_tf.data.derived import to_score
from e2e_tf.data.graphs import GraphData, GraphRecipe, graphs_of
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets
from e2e_tf.data.source import SourcePart, locate
from e2e_tf.data.source_changes import part_for_file
from e2e_tf.data.sources import source_of
from e2e_tf.data.streamed import StreamedGraphs
from e2e_tf.errors import InputError
from e2e_tf.files import new_file
from e2e_tf.terminal import console, status, track
from e2e_tf.training.examples import Examples
from e2e_tf.training.prepare import model_rows
from e2e_tf.training.run import Run, open_run
from e2e_tf.training.scores import ending_of, write_scores
from e2e_tf.training.targets import in_units

__all__ = ["jets_of_file", "predict", "predict_examples", "predict_file", "scorer"]


def predict(model: Any, graphs: GraphData | StreamedGraphs, batch_size: int = 256) -> Any:
    """Outputs of a model for graphs whose features are normalised.

    Args:
        model: a Keras model on graphs; it may take the inputs of
            :meth:`e2e_tf.data.graphs.GraphData.node_inputs` too. Its outputs must be of whole graphs.
        graphs: the graphs, normalised as those that it was trained on.
        batch_size: graphs that are scored together.

    Returns:
        float32 (B, size) in the order of the graphs; by name where the model has several outputs.

    Raises:
        InputError: the model has an input that the graphs lack, or an output of nodes or edges.
    """
    examples = Examples(graphs.batch, nodes=graphs.node_inputs())
    return predict_examples(model, examples, batch_size, "the graphs")


def predict_examples(model: Any, examples: Examples, batch_size: int = 256, what: str = "the sample") -> Any:
    """Outputs of a model for examples of any kind; arguments and result as :func:`predict`.

    Graphs of similar size are scored together, which saves padding; it does not change the scores.

    Args:
        model: a Keras model with named inputs and outputs of whole jets.
        examples: its inputs; labels and weights are not looked at.
        batch_size: jets that are scored together.
        what: what to call the examples in a message.

    Returns:
        As :func:`predict`.

    Raises:
        InputError: the model has an input that the examples lack, or an output of nodes or edges.
    """
    return scorer(model, batch_size)(examples, what)


def scorer(model: Any, batch_size: int = 256) -> Callable[..., Any]:
    """A function that scores examples; the model is traced once, however often it is called.

    Args:
        model: a Keras model with named inputs and outputs of whole jets.
        batch_size: jets that are scored together.

    Returns:
        A function of examples and what to call them in a message; ``progress=False`` shows no bar. Its result and
        errors are those of :func:`predict_examples`.
    """
    import tensorflow as tf

    # One trace for all batches: every leading dimension is free.
    signature = {
        tensor.name: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for tensor in model.inputs
    }
    call = tf.function(lambda inputs: model(inputs, training=False), input_signature=[signature])
    named = isinstance(model.output, Mapping)
    outputs = model.output if named else {"": model.output}

    def score(examples: Examples, what: str = "the sample", progress: bool = True) -> Any:
        order = np.argsort(examples.graphs.n_node, kind="stable")
        if isinstance(
            examples.graphs, StreamedGraphs
        ):  # one piece after the other, or each is read for every batch
            order = order[np.argsort(examples.graphs.piece[order], kind="stable")]
        examples.check(model, what)
        loader = replace(examples, label=None, weight=None).loader(model, batch_size, index=order)
        found = {name: np.zeros((len(order), one.shape[-1]), np.float32) for name, one in outputs.items()}
        batches = loader.batches()
        if progress:
            batches = track(batches, f"Scoring {len(order)} jets", total=-(-len(order) // batch_size))
        for number, (inputs,) in enumerate(batches):
            index = order[number * batch_size : (number + 1) * batch_size]
            values = call({name: tf.constant(value) for name, value in inputs.items()})
            for name, scores in found.items():
                given = (values[name] if named else values).numpy()
                if len(given) != len(index):
                    raise InputError(
                        f"scores are of whole jets, but the output {name or model.output_names[0]} of {model.name} has "
                        f"{len(given)} rows for {len(index)} jets: of nodes and edges, call the model on a batch"
                    )
                scores[index] = given
        return found if named else found[""]

    return score


def predict_file(
    run: Run | str | os.PathLike[str],
    sample: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    reader: str = "",
    options: Mapping[str, Any] | None = None,
    force: bool = False,
) -> int:
    """Score the jets of a file, simulated or real, and write the scores beside what identifies the jets.

    The ending of the file says its format, see :func:`e2e_tf.training.scores.score_columns` for names of columns:

    - ``.h5``: ``score`` float32 (n, outputs), ``event``, ``label`` where there is one, and the jet columns under
      ``jets/``. Outputs of a configuration are also under ``outputs/`` by their names, regressed quantities in the
      units of their columns; ``score`` is the first one. Decisions at working points stand under ``working_points/``.
    - ``.root``: a tree ``Friends`` with ``run``, ``luminosityBlock`` and ``event``, and ``jet_index`` and ``jet_…`` for
      every score and working point, with one entry per event of the input, so that it is a friend of its tree. Of a
      file of jets it has one entry per jet and the scores by their own names; jets that were left out have NaN.
    - ``.parquet``, ``.csv``: one row per jet: run, luminosityBlock, event, jet_index, label, ``jet_…`` of its columns,
      scores, working points.

    Args:
        run: a finished run or its folder.
        sample: a file in any format of :data:`e2e_tf.data.readers.READERS`, or the name of a shipped sample.
        output: the new file, which ends in ``.h5``, ``.hdf5``, ``.root``, ``.parquet`` or ``.csv``.
        reader: name of the reader; empty takes the one of the run, or, of a run on this library's own files, the one
            that fits.
        options: of the reader; those that are not given are those of the run, with the same reader.
        force: replace an existing file.

    Returns:
        The number of jets.

    Raises:
        InputError: the run is not finished, the sample is of another reader than the run and none is given, it
            cannot be read or lacks an input of the model, or ``output`` has another ending, or exists and ``force``
            is false.
    """
    ending = ending_of(Path(output))
    run = run if isinstance(run, Run) else open_run(run)
    with new_file(output, force) as part:
        with status(f"Reading {sample}"):
            read, source = _read(run, str(sample), reader, options)
            jets = cast("Jets", read)
            graphs = graphs_of(jets, run.preprocess)
        rows = model_rows(run.config.model_name, jets, graphs, GraphRecipe.of(run.preprocess))
        examples = Examples(graphs.batch, nodes=graphs.node_inputs(), rows=rows)
        found = in_units(run.config, predict_examples(run.model(), examples, what=str(sample)), jets)
        write_scores(part, ending, run, source, jets, found)
    return len(jets)


def jets_of_file(
    run: Run, sample: str, reader: str = "", options: Mapping[str, Any] | None = None
) -> Jets | Images:
    """The jets of a file, read and selected as those that the run was trained on.

    Args:
        run: the run.
        sample: a file, or the name of a shipped sample.
        reader: as :func:`predict_file`.
        options: as :func:`predict_file`.

    Returns:
        The jets or images.

    Raises:
        InputError: the sample is of another reader than the run and none is given, or it cannot be read.
    """
    return _read(run, sample, reader, options)[0]


def _read(
    run: Run, sample: str, reader: str, options: Mapping[str, Any] | None
) -> tuple[Jets | Images, SourcePart]:
    """What :func:`jets_of_file` gives, and the file with its reader and options."""
    source = run.source or source_of(run.config.data)
    part, note = part_for_file(source, locate(sample, Path()), reader, options, run.base)
    if note:
        console().print(note, style="yellow")
    of_jets = run.preprocess.jet_features
    needed = [output.relative_to for output in run.config.outputs.values()]
    needed += [] if of_jets is None else [feature.raw for feature in of_jets.features]
    columns = to_score(source.columns, source.selection.get("selection") or "", needed)
    read = replace(source, parts=(part,), columns=columns, weights={}).read(Path())
    keep = source.selected(read)
    if keep.all():
        return read, part
    kept = ", ".join(f"{name} {value}" for name, value in source.selection.items() if value is not None)
    console().print(
        f"{np.count_nonzero(~keep)} of {len(keep)} jets are left out: the run was trained on {kept}",
        style="yellow",
    )
    return read.take(keep), part
