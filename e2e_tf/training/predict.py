"""Scores of jets by a trained model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.graphs import GraphData, graphs_of
from e2e_tf.files import new_file
from e2e_tf.progress import status, track
from e2e_tf.training.prepare import load_jets
from e2e_tf.training.run import Run, open_run

__all__ = ["predict", "predict_file"]


def predict(model: Any, graphs: GraphData, batch_size: int = 256) -> np.ndarray:
    """Scores float32 (B, outputs) of graphs whose features are normalised, in their order.

    Graphs of similar size are scored together, which saves padding; it does not change the scores.
    """
    import tensorflow as tf

    from e2e_tf.data.loader import model_inputs

    order = np.argsort(graphs.graphs.n_node, kind="stable")
    # One trace for all batches: every leading dimension is free.
    signature = {
        tensor.name: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for tensor in model.inputs
    }
    call = tf.function(lambda inputs: model(inputs, training=False), input_signature=[signature])
    scores: np.ndarray | None = None
    starts = range(0, len(order), batch_size)
    for start in track(starts, f"Scoring {len(order)} jets"):
        index = order[start : start + batch_size]
        batch = model_inputs(graphs.graphs.take(index))
        inputs = {name: tf.constant(batch[name]) for name in signature}
        values = call(inputs).numpy()
        if scores is None:
            scores = np.zeros((len(order), values.shape[1]), np.float32)
        scores[index] = values
    return np.zeros((0, model.output_shape[-1]), np.float32) if scores is None else scores


def predict_file(
    run: Run | str | os.PathLike[str],
    sample: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    reader: str = "",
    force: bool = False,
) -> int:
    """Score the jets of a file, simulated or real, and write the scores beside the jets' columns.

    The file is HDF5 with ``score`` float32 (n, outputs), ``event``, ``label`` where there is one, and the jet
    columns under ``jets/``.

    Args:
        run: a finished run or its folder.
        sample: a file in any format of :data:`e2e_tf.data.readers.READERS`, or the name of a shipped sample.
        output: the new file.
        reader: name of the format; empty recognises it.
        force: replace an existing file.

    Returns:
        The number of jets.

    Raises:
        InputError: the run is not finished, the sample cannot be read or lacks an input of the model, or
            ``output`` exists and ``force`` is false.
    """
    import h5py

    run = run if isinstance(run, Run) else open_run(run)
    with new_file(output, force) as part:
        with status(f"Reading {sample}"):
            jets, _ = load_jets(str(sample), reader)
            graphs = graphs_of(jets, run.preprocess)
        scores = predict(run.model(), graphs)
        with h5py.File(part, "w") as file:
            file["score"] = scores
            file["event"] = jets.event
            if jets.label is not None:
                file["label"] = jets.label
            for name, column in jets.jets.items():
                file[f"jets/{name}"] = column
            file.attrs["run"] = Path(run.folder).name
            file.attrs["model"] = run.config.model_name
    return len(jets)
