"""``check_layer``: everything that a layer of this library promises, in one call.

A layer says in which forms it takes a graph (:class:`Form`); the helper feeds the same graphs in each form and
checks the numbers, the gradients, the configuration, the files and the exports.
"""

from __future__ import annotations

import atexit
import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import e2e_tf.layers  # noqa: F401  (registers)
from e2e_tf.layers.ops import exporting

logging.getLogger("tf2onnx").setLevel(logging.ERROR)

F = 5  # node features of the standard graphs


@dataclass(frozen=True)
class Graphs:
    """A disjoint batch in NumPy."""

    x: np.ndarray
    senders: np.ndarray
    receivers: np.ndarray
    n_node: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        return np.cumsum(self.n_node, dtype=np.int32) - self.n_node

    @property
    def graph_id(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.n_node)), self.n_node)

    @property
    def size(self) -> int:
        return max(1, int(self.n_node.max(initial=0)))

    @property
    def local(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Graph, receiver and sender of each edge, nodes counted within their graph."""
        graph = self.graph_id[self.receivers]
        return graph, self.receivers - self.starts[graph], self.senders - self.starts[graph]

    def blocks(self, rows: np.ndarray | None = None) -> np.ndarray:
        rows = self.x if rows is None else rows
        out = np.zeros((len(self.n_node), self.size, rows.shape[-1]), rows.dtype)
        out[self.graph_id, np.arange(len(self.x)) - self.starts[self.graph_id]] = rows
        return out

    def mask(self) -> np.ndarray:
        return (np.arange(self.size) < self.n_node[:, None]).astype(np.float32)

    def dense(self, weights: np.ndarray | None = None) -> np.ndarray:
        a = np.zeros((len(self.n_node), self.size, self.size), np.float32)
        np.add.at(a, self.local, 1.0 if weights is None else weights)
        return a

    def alone(self, i: int) -> Graphs:
        nodes = self.graph_id == i
        edges = self.local[0] == i
        start = self.starts[i]
        return Graphs(
            self.x[nodes], self.senders[edges] - start, self.receivers[edges] - start, self.n_node[i : i + 1]
        )

    def permuted(self, seed: int) -> tuple[Graphs, np.ndarray]:
        """The nodes of each graph in another order; ``new.x == old.x[order]``."""
        rng = np.random.default_rng(seed)
        order = np.concatenate(
            [
                np.zeros(0, int),
                *(s + rng.permutation(n) for s, n in zip(self.starts, self.n_node, strict=True)),
            ]
        )
        position = np.argsort(order).astype(np.int32)
        return Graphs(self.x[order], position[self.senders], position[self.receivers], self.n_node), order


def make_graphs(sizes: Sequence[int], edges: Sequence[int], seed: int, features: int = F) -> Graphs:
    """Random graphs of given sizes and numbers of edges, one of them in both directions, a loop and a double."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum(sizes) - sizes
    senders, receivers = [], []
    for start, n, m in zip(starts, sizes, edges, strict=True):
        s, r = rng.integers(0, max(n, 1), m), rng.integers(0, max(n, 1), m)
        if m >= 4:
            s[1], r[1] = s[0], r[0]  # listed twice
            r[2] = s[2]  # a loop
        senders.append(start + s)
        receivers.append(start + r)
    x = rng.normal(size=(sum(sizes), features)).astype(np.float32)
    return Graphs(
        x,
        np.concatenate(senders).astype(np.int32),
        np.concatenate(receivers).astype(np.int32),
        np.array(sizes, np.int32),
    )


# An empty graph in the middle and at the end, a single node, a graph without edges, doubles and loops.
STANDARD = make_graphs([5, 0, 1, 4, 6, 0], [9, 0, 0, 0, 14, 0], seed=1)
OTHER = make_graphs([7, 2, 3], [11, 2, 5], seed=2)
EMPTY = make_graphs([0], [0], seed=3)


@dataclass(frozen=True)
class Form:
    """One form in which a layer takes graphs.

    Attributes:
        name: for messages.
        feed: the inputs of the layer, nested as it takes them, as NumPy arrays (or a sparse tensor).
        rows: the rows of the output that belong to something real, in one order for all forms.
        blocks: the shapes are those of padded blocks, which compile.
        exports: leave out the ONNX export where false.
    """

    name: str
    feed: Callable[[Graphs], Any]
    rows: Callable[[Any, Graphs], Any]
    blocks: bool = False
    exports: bool = True


def flat_rows(output: Any, graphs: Graphs) -> Any:
    return output


def node_rows(output: Any, graphs: Graphs) -> Any:
    return tf.boolean_mask(output, graphs.mask() > 0)


def edge_rows(output: Any, graphs: Graphs) -> Any:
    return tf.gather_nd(output, np.stack(graphs.local, axis=1).astype(np.int32))


def pair_rows(output: Any, graphs: Graphs) -> Any:
    mask = graphs.mask() > 0
    return tf.boolean_mask(output, mask[:, :, None] & mask[:, None, :])


def sparse(graphs: Graphs, rows: str = "senders", weights: np.ndarray | None = None) -> tf.SparseTensor:
    pair = (graphs.senders, graphs.receivers) if rows == "senders" else (graphs.receivers, graphs.senders)
    n = len(graphs.x)
    values = np.ones(len(graphs.senders), np.float32) if weights is None else weights
    return tf.SparseTensor(np.stack(pair, axis=1).astype(np.int64), values, (n, n))


EDGES = Form("edges", lambda g: [g.x, (g.senders, g.receivers)], flat_rows)
SPARSE = Form("sparse", lambda g: [g.x, sparse(g)], flat_rows, exports=False)
BLOCKS = Form("blocks", lambda g: [g.blocks(), g.dense()], node_rows, blocks=True)
MASKED = Form("masked blocks", lambda g: [g.blocks(), g.dense(), g.mask()], node_rows, blocks=True)
COUNTED = Form("counted nodes", lambda g: [g.x, g.n_node], flat_rows)
COUNTED_BLOCKS = Form("counted blocks", lambda g: [g.blocks(), g.mask()], node_rows, blocks=True)
POOLED_BLOCKS = Form("pooled blocks", lambda g: [g.blocks(), g.mask()], flat_rows, blocks=True)
EDGE_ROWS = Form("edge rows", lambda g: [g.blocks(), g.dense()], edge_rows, blocks=True)


def set_weights(layer: Any, seed: int = 0) -> None:
    """Weights without special values, biases and statistics included."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        values = rng.normal(size=weight.shape).astype(np.float32) * 0.5
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.name else values)


def tensors(feed: Any) -> Any:
    return tf.nest.map_structure(
        lambda part: part if isinstance(part, tf.SparseTensor) else tf.convert_to_tensor(part), feed
    )


def shapes(form: Form) -> list[tuple[tuple[int | None, ...], Any]]:
    """Shape and dtype of every input, free where two batches differ."""
    first, second = (tf.nest.flatten(form.feed(g)) for g in (STANDARD, OTHER))
    return [
        (tuple(m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)), a.dtype)
        for a, b in zip(first, second, strict=True)
    ]


def functional(layer: Any, form: Form) -> Any:
    """A Keras model around a layer, its inputs in a flat list."""
    inputs = [keras.Input(shape[1:], dtype=dtype.name) for shape, dtype in shapes(form)]
    return keras.Model(inputs, layer(tf.nest.pack_sequence_as(form.feed(STANDARD), inputs)))


def check_layer(
    make: Callable[[], Any],
    forms: Sequence[Form],
    kind: str,
    *,
    reference: Callable[[list[np.ndarray], Graphs], np.ndarray] | None = None,
    half: float | None = 4.0,
    permutable: bool = True,
    gradients: bool = True,
    training: bool = False,
    tolerance: float = 2e-6,
) -> Any:
    """Check what every layer promises.

    Args:
        make: a new layer, of the same configuration in each call.
        forms: the forms in which it takes graphs; the first one is the standard of comparison.
        kind: what a row of its output belongs to: ``node``, ``graph``, ``edge`` or ``pair``.
        reference: an independent calculation in NumPy of the rows, from the weights.
        half: allowed error in units of the last digit of float16 and bfloat16, relative to the largest
            output; None if half the precision may choose other neighbours, and only finite numbers are asked for.
        permutable: it does not depend on the order of nodes.
        gradients: it has a gradient.
        training: compare the forms in training mode as well.
        tolerance: largest difference between forms, relative to the largest output (or 1).

    Returns:
        The built layer.
    """
    layer = make()
    standard = forms[0]
    expected = run(layer, standard, STANDARD, reset=True)
    assert np.isfinite(expected).all()
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    if reference is not None:
        np.testing.assert_allclose(
            expected,
            reference([np.array(w) for w in layer.weights], STANDARD),
            atol=tolerance * scale,
            rtol=0,
        )
    for form in forms:
        for graphs in (STANDARD, OTHER, EMPTY):
            np.testing.assert_allclose(
                run(layer, form, graphs),
                run(layer, standard, graphs),
                atol=tolerance * scale,
                rtol=0,
                err_msg=f"{form.name} differs from {standard.name}",
            )
        check_alone(layer, form, kind, expected, tolerance * scale)
        if permutable:
            check_permutation(layer, form, kind, expected, 5 * tolerance * scale)
    if training:
        seen = [np.array(f.rows(layer(tensors(f.feed(STANDARD)), training=True), STANDARD)) for f in forms]
        for rows in seen[1:]:
            np.testing.assert_allclose(rows, seen[0], atol=5 * tolerance * scale, rtol=0)
        set_weights(layer)
    if gradients:
        check_gradients(layer, forms, tolerance)
    check_config(make, layer, standard, expected)
    for form in forms:
        if form.exports or form.blocks:
            check_symbolic(layer, form)
        if form.blocks:
            check_compiled(layer, form, tolerance * scale)
        if form.exports:
            check_onnx(layer, form)
    check_half(make, layer, forms, expected, half)
    return layer


def run(layer: Any, form: Form, graphs: Graphs, reset: bool = False) -> np.ndarray:
    inputs = tensors(form.feed(graphs))
    output = layer(inputs)
    if reset:
        set_weights(layer)
        output = layer(inputs)
    return np.array(form.rows(output, graphs))


def _counts(kind: str, graphs: Graphs) -> np.ndarray:
    if kind == "node":
        return graphs.n_node
    if kind == "graph":
        return np.ones_like(graphs.n_node)
    if kind == "pair":
        return graphs.n_node**2
    return np.bincount(graphs.local[0], minlength=len(graphs.n_node))


def check_alone(layer: Any, form: Form, kind: str, expected: np.ndarray, atol: float) -> None:
    """A graph in a batch gives what it gives alone."""
    counts = _counts(kind, STANDARD)
    if kind == "edge":
        parts = [expected[STANDARD.local[0] == i] for i in range(len(counts))]
    else:
        parts = np.split(expected, np.cumsum(counts)[:-1])
    for i, part in enumerate(parts):
        rows = run(layer, form, STANDARD.alone(i))
        assert rows.shape == part.shape, f"{form.name}: graph {i} alone"
        np.testing.assert_allclose(rows, part, atol=atol, rtol=0, err_msg=f"{form.name}: graph {i} alone")


def check_permutation(layer: Any, form: Form, kind: str, expected: np.ndarray, atol: float) -> None:
    """Nodes in another order give the same, in that order."""
    graphs, order = STANDARD.permuted(seed=5)
    if kind == "node":
        expected = expected[order]
    elif kind == "pair":
        parts, start = [], 0
        for i, n in enumerate(STANDARD.n_node):
            part = expected[start : start + n * n].reshape(n, n, *expected.shape[1:])
            inside = order[STANDARD.starts[i] : STANDARD.starts[i] + n] - STANDARD.starts[i]
            parts.append(part[inside][:, inside].reshape(n * n, *expected.shape[1:]))
            start += n * n
        expected = np.concatenate(parts)
    np.testing.assert_allclose(
        run(layer, form, graphs), expected, atol=atol, rtol=0, err_msg=f"{form.name}: nodes in another order"
    )


def check_gradients(layer: Any, forms: Sequence[Form], tolerance: float) -> None:
    """Gradients of weights and node features are finite, and the same in all forms."""
    found = []
    for form in forms:
        inputs = tensors(form.feed(STANDARD))
        with tf.GradientTape() as tape:
            tape.watch(inputs[0])
            rows = form.rows(layer(inputs), STANDARD)
            loss = tf.reduce_sum(tf.square(rows) + tf.sin(3.0 * rows))
        weights = [w.value for w in layer.trainable_weights]
        by_weight, by_x = tape.gradient(loss, (weights, inputs[0]))
        assert by_x is not None, f"{form.name}: no gradient reaches the nodes"
        assert all(g is not None for g in by_weight), f"{form.name}: a weight has no gradient"
        by_x = tf.convert_to_tensor(by_x)
        by_x = tf.boolean_mask(by_x, STANDARD.mask() > 0) if form.blocks else by_x
        found.append([np.array(tf.convert_to_tensor(g)) for g in (*by_weight, by_x)])
        for gradient in found[-1]:
            assert np.isfinite(gradient).all(), f"{form.name}: a gradient is not finite"
        with tf.GradientTape() as tape:
            empty = tensors(form.feed(EMPTY))
            loss = tf.reduce_sum(layer(empty))
        for gradient in tape.gradient(loss, weights):
            assert gradient is None or np.isfinite(np.array(tf.convert_to_tensor(gradient))).all()
    for form, other in zip(forms[1:], found[1:], strict=True):
        for one, two in zip(found[0], other, strict=True):
            atol = 20 * tolerance * max(1.0, float(np.abs(one).max(initial=0)))
            np.testing.assert_allclose(two, one, atol=atol, rtol=0, err_msg=f"{form.name}: gradients")


def check_config(make: Callable[[], Any], layer: Any, form: Form, expected: np.ndarray) -> None:
    """The configuration survives JSON and makes the same layer."""
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert again.get_config() == layer.get_config()
    bare = keras.saving.deserialize_keras_object(
        json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    )
    assert type(bare) is type(layer)
    bare(tensors(form.feed(OTHER)))
    assert [(w.name, tuple(w.shape)) for w in bare.weights] == [
        (w.name, tuple(w.shape)) for w in layer.weights
    ]
    bare.set_weights(layer.get_weights())
    np.testing.assert_array_equal(run(bare, form, STANDARD), expected)


def check_symbolic(layer: Any, form: Form) -> None:
    """The symbolic shape is the real one; the model reloads in a process that imports e2e_tf alone."""
    model = functional(layer, form)
    inputs = tf.nest.flatten(tensors(form.feed(STANDARD)))
    outputs = [np.array(part) for part in tf.nest.flatten(model(inputs))]
    for symbolic, real in zip(tf.nest.flatten(model.output), outputs, strict=True):
        assert len(symbolic.shape) == real.ndim, f"{form.name}: {symbolic.shape} against {real.shape}"
        for said, is_ in zip(symbolic.shape, real.shape, strict=True):
            assert said in (None, is_), f"{form.name}: {symbolic.shape} against {real.shape}"
        assert keras.backend.standardize_dtype(symbolic.dtype) == real.dtype.name
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        again = fresh_process().run(path, [np.array(i) for i in inputs])
    for one, two in zip(outputs, again, strict=True):
        np.testing.assert_allclose(two, one, atol=1e-6 * max(1.0, np.abs(one).max(initial=0)), rtol=0)


def check_compiled(layer: Any, form: Form, atol: float) -> None:
    """XLA compiles the layer on padded blocks and gives the same."""
    compiled = tf.function(lambda inputs: layer(inputs), jit_compile=True)
    rows = np.array(form.rows(compiled(tensors(form.feed(STANDARD))), STANDARD))
    np.testing.assert_allclose(rows, run(layer, form, STANDARD), atol=atol, rtol=0, err_msg=form.name)


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


def onnx_session(layer: Any, form: Form, opset: int = 18) -> Any:
    """An ONNX Runtime session of a layer, its inputs named ``in0``, ``in1``, ..."""
    import onnxruntime
    import tf2onnx

    signature = [tf.TensorSpec(shape, dtype, f"in{i}") for i, (shape, dtype) in enumerate(shapes(form))]
    structure = form.feed(STANDARD)

    @tf.function(input_signature=signature)
    def call(*flat: Any) -> Any:
        with exporting():  # in the form in which hand-offs take it
            output = layer(tf.nest.pack_sequence_as(structure, list(flat)))
        return tf.identity(tf.nest.flatten(output)[0])

    model, _ = tf2onnx.convert.from_function(call, input_signature=signature, opset=opset)
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def check_half(
    make: Callable[[], Any], layer: Any, forms: Sequence[Form], expected: np.ndarray, digits: float | None
) -> None:
    """Mixed precision gives its dtype, finite numbers, and the same to a few of its digits."""
    for policy, step in (("mixed_float16", 2.0**-10), ("mixed_bfloat16", 2.0**-7)):
        config = {**make().get_config(), "dtype": policy}
        low = type(layer).from_config(config)
        for form in forms:
            inputs = tensors(form.feed(STANDARD))
            output = low(inputs)
            low.set_weights(layer.get_weights())
            output = low(inputs)
            first = tf.nest.flatten(output)[0]
            assert first.dtype.name == policy.removeprefix("mixed_"), f"{form.name}: {first.dtype}"
            rows = np.array(tf.cast(form.rows(output, STANDARD), tf.float32))
            assert np.isfinite(rows).all(), f"{form.name}: {policy}"
            if digits is not None:
                atol = digits * step * max(1.0, float(np.abs(expected).max(initial=0)))
                np.testing.assert_allclose(
                    rows, expected, atol=atol, rtol=0, err_msg=f"{form.name}: {policy}"
                )


_CHILD = """
import sys, json
import e2e_tf
import keras
import numpy as np
for line in sys.stdin:
    job = json.loads(line)
    try:
        model = keras.models.load_model(job["model"])
        data = np.load(job["inputs"])
        output = model([keras.ops.convert_to_tensor(data[k]) for k in data.files])
        flat = keras.tree.flatten(output)
        np.savez(job["outputs"], **{f"out{i}": np.asarray(part) for i, part in enumerate(flat)})
        print("@ok", flush=True)
    except Exception as error:
        print("@" + repr(error)[:2000].replace("\\n", " "), flush=True)
"""


class FreshProcess:
    """A process that has imported ``e2e_tf`` and nothing else of this library, and reloads models there."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        with open(Path(self.folder.name) / "stderr", "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _CHILD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=Path(__file__).parents[2],
            )
        atexit.register(self.close)

    def run(self, model: Path, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs of a saved model on given inputs, loaded bare and in safe mode."""
        folder = Path(self.folder.name)
        np.savez(folder / "inputs.npz", **{f"in{i}": part for i, part in enumerate(inputs)})
        job = {
            "model": str(model),
            "inputs": str(folder / "inputs.npz"),
            "outputs": str(folder / "outputs.npz"),
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("@"):
                assert line == "@ok\n", f"reload in a fresh process: {line[1:]}"
                data = np.load(folder / "outputs.npz")
                return [data[key] for key in data.files]
        raise AssertionError(f"the fresh process ended: {(folder / 'stderr').read_text()[-2000:]}")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.stdin.close()  # type: ignore[union-attr]
            self.process.wait(timeout=30)
        self.folder.cleanup()


@lru_cache(maxsize=1)
def fresh_process() -> FreshProcess:
    return FreshProcess()
