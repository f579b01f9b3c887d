"""Checks of what a layer becomes: a Keras model on disk and an ONNX graph."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from fresh_process import fresh_process
from layer_graphs import EMPTY, OTHER, STANDARD, Form, run, shapes, tensors

from e2e_tf.layers.plain import plain

logging.getLogger("tf2onnx").setLevel(logging.ERROR)


def functional(layer: Any, form: Form) -> Any:
    """A Keras model around a layer, its inputs in a flat list."""
    inputs = [keras.Input(shape[1:], dtype=dtype.name) for shape, dtype in shapes(form)]
    return keras.Model(inputs, layer(tf.nest.pack_sequence_as(form.feed(STANDARD), inputs)))


def check_symbolic(layer: Any, form: Form, reload: bool = True) -> None:
    """The symbolic shape is the real one; if wanted, the model reloads in a process that imports e2e_tf alone."""
    model = functional(layer, form)
    inputs = tf.nest.flatten(tensors(form.feed(STANDARD)))
    outputs = [np.array(part) for part in tf.nest.flatten(model(inputs))]
    for symbolic, real in zip(tf.nest.flatten(model.output), outputs, strict=True):
        assert len(symbolic.shape) == real.ndim, f"{form.name}: {symbolic.shape} against {real.shape}"
        for said, is_ in zip(symbolic.shape, real.shape, strict=True):
            assert said in (None, is_), f"{form.name}: {symbolic.shape} against {real.shape}"
        assert keras.backend.standardize_dtype(symbolic.dtype) == real.dtype.name
    if not reload:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        again = fresh_process().run(path, [np.array(i) for i in inputs])
    for one, two in zip(outputs, again, strict=True):
        np.testing.assert_allclose(two, one, atol=1e-6 * max(1.0, np.abs(one).max(initial=0)), rtol=0)


def check_onnx(layer: Any, form: Form, tolerance: float = 1e-5) -> None:
    """ONNX Runtime gives the same, for other sizes and for graphs without nodes too."""
    session = onnx_session(layer, form)
    names = [f"in{i}" for i in range(len(shapes(form)))]
    taken = {i.name for i in session.get_inputs()}
    for graphs in (STANDARD, OTHER, EMPTY, OTHER.alone(1)):
        feed = [np.array(part) for part in tf.nest.flatten(form.feed(graphs))]
        outputs = session.run(None, {k: v for k, v in zip(names, feed, strict=True) if k in taken})
        rows = np.array(form.rows(tf.convert_to_tensor(outputs[0]), graphs))
        expected = run(layer, form, graphs)
        np.testing.assert_allclose(
            rows,
            expected,
            atol=tolerance * max(1.0, np.abs(expected).max(initial=0)),
            rtol=0,
            err_msg=f"{form.name}: ONNX Runtime",
        )


def onnx_model(call: Any, signature: list[Any], opset: int = 18) -> Any:
    """The ONNX model of a function, without what makes it smaller.

    That takes a third of the time, and is tested with the bundles, which are made with it.
    """
    import tf2onnx

    with mock.patch("tf2onnx.optimizer.optimize_graph", lambda graph, *_, **options: graph):
        return tf2onnx.convert.from_function(call, input_signature=signature, opset=opset)[0]


def onnx_session(layer: Any, form: Form, opset: int = 18) -> Any:
    """An ONNX Runtime session of a layer, its inputs named ``in0``, ``in1``, ..."""
    import onnxruntime

    signature = [tf.TensorSpec(shape, dtype, f"in{i}") for i, (shape, dtype) in enumerate(shapes(form))]
    structure = form.feed(STANDARD)

    @tf.function(input_signature=signature, autograph=False)
    def call(*flat: Any) -> Any:
        with plain(layer):  # as exported bundles take it
            output = layer(tf.nest.pack_sequence_as(structure, list(flat)))
        return tf.identity(tf.nest.flatten(output)[0])

    model = onnx_model(call, signature, opset)
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
