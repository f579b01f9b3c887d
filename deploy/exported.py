"""The function that is exported: a Keras model behind the tensors of an interface, and its frozen graph."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.compat import constant_graph, default_attributes
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.interface import (
    OUTPUT,
    TensorInfo,
    edges_feeds,
    edges_function,
    edges_tensors,
)
from e2e_tf.deploy.padded import padded_feeds, padded_function, padded_tensors
from e2e_tf.deploy.profiles import Release
from e2e_tf.deploy.samples import sized_batches, tensor_batch
from e2e_tf.deploy.tensors import tensors_function, tensors_infos
from e2e_tf.errors import InputError
from e2e_tf.training.run import Run

__all__ = ["Export", "ExportedFunction", "exported_function", "freeze"]


@dataclass(frozen=True)
class ExportedFunction:
    """What is exported.

    Attributes:
        interface: ``edges``, ``padded`` or ``tensors``.
        function: a ``tf.function`` from its inputs to its output.
        inputs, output: names and shapes of the tensors.
        feeds: float32 tensors by name of a batch of jets, or of tensors.
    """

    interface: str
    function: Any
    inputs: list[TensorInfo]
    output: TensorInfo
    feeds: Callable[[Any], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Export:
    """An export under way: what every form of the model is made from.

    Attributes:
        run: whose model it is.
        preprocess: the inputs of the bundle, those of the run and further inputs of nodes.
        user: the model as its author made it, the reference of the validation.
        model: of one output, (B, C).
        release: the oldest series that must run it.
        exported: the function.
        graph: the frozen ``GraphDef`` of it.
        names: of its inputs, in order.
        folder: that is being filled.
        columns: how many of the score each output has, in order.
    """

    run: Run
    preprocess: Preprocess
    user: Any
    model: Any
    release: Release
    exported: ExportedFunction
    graph: Any
    names: list[str]
    folder: Path
    columns: dict[str, int]

    def samples(self, sizes: Sequence[Sequence[int]], seed: int) -> list[dict[str, np.ndarray]]:
        """Random input tensors.

        Args:
            sizes: nodes of each jet of each batch; of a model that takes no graphs, their number is the size of the
                batch.
            seed: of all of them.

        Returns:
            float32 tensors by name, for each batch.
        """
        if self.exported.interface == "tensors":
            rng = np.random.default_rng(seed)
            infos = [info.to_dict() for info in self.exported.inputs]
            return [tensor_batch(infos, len(n), rng) for n in sizes]
        return [self.exported.feeds(batch) for batch in sized_batches(self.preprocess, sizes, seed)]

    def raw_names(self, suffix: str = ":0") -> dict[str, dict[str, str]]:
        """``inputs`` and ``outputs`` of an entry of the manifest: raw tensor names by name of the interface.

        Args:
            suffix: of TensorFlow's tensors; empty for ONNX.

        Returns:
            The names.
        """
        return {
            "inputs": {name: f"{name}{suffix}" for name in self.names},
            "outputs": {OUTPUT: f"{OUTPUT}{suffix}"},
        }


def exported_function(
    preprocess: Preprocess, model: Any, interface: str, target: Release
) -> ExportedFunction:
    """A Keras model behind the tensors of an interface.

    Args:
        preprocess: says how graphs are built.
        model: of one output, (B, C).
        interface: ``edges``, ``padded`` or ``tensors``.
        target: the oldest release that must run it.

    Returns:
        The function with its tensors and how they are fed.

    Raises:
        InputError: the model does not fit the interface, or the release cannot run it.
    """
    if interface == "tensors":
        return ExportedFunction(interface, tensors_function(model), *tensors_infos(model), dict)
    if interface == "padded":
        function = padded_function(model, preprocess)
        return ExportedFunction(interface, function, *padded_tensors(model, preprocess), padded_feeds)
    # Below opset 16 ScatterND cannot add; graph builders list every edge once, so it need not.
    repeated = target.opset >= 16
    try:
        function = edges_function(model, repeated)
    except InputError as error:
        if repeated:
            raise
        raise InputError(
            f"CMSSW_{target.name} (opset {target.opset}) cannot run this model: ScatterND with reduction=add needs "
            f"opset 16, and without it {error}"
        ) from error
    return ExportedFunction(
        interface, function, *edges_tensors(model), lambda batch: edges_feeds(batch.graphs)
    )


_LOOPS = ("While", "StatelessWhile", "If", "StatelessIf", "Enter", "Switch", "TensorListReserve", "Case")


def _traced(function: Any) -> Any:
    """The concrete function; what Keras or TensorFlow say while it is traced becomes one sentence."""
    import tensorflow as tf

    try:
        return function.get_concrete_function()
    except InputError as error:  # of a layer, to which Keras adds where it was called
        said = _lines(error)
        raise InputError(said[1] if said[0].startswith("Exception encountered") else str(error)) from error
    except (tf.errors.OpError, TypeError, ValueError, NotImplementedError, AttributeError, KeyError) as error:
        lines = _lines(error)
        where = next((line for line in lines if line.startswith("Exception encountered")), "")
        told = [line for line in lines if not line.startswith(("Exception", "in user code"))]
        first = told[0].split(". ")[0] if told else type(error).__name__
        raise InputError(f"the model cannot be traced: {where} {first}".replace("  ", " ")) from error


def _lines(error: Exception) -> list[str]:
    """The lines of a message that say something; Keras writes in colours."""
    plain = re.sub("\x1b\\[[0-9;]*m", "", str(error))
    return [line.strip() for line in plain.splitlines() if line.strip()]


def freeze(function: Any) -> tuple[Any, list[str]]:
    """The frozen ``GraphDef`` of a ``tf.function``, its inputs and output named as the interface names them.

    Attributes that have their default value are left out: an older TensorFlow may not know them.

    Args:
        function: of one output, with an input signature.

    Returns:
        The graph, whose output is called ``score``, and the names of its inputs in order.

    Raises:
        InputError: the function holds control flow or objects that cannot be frozen.
    """
    frozen = constant_graph(_traced(function))
    graph = frozen.graph.as_graph_def()
    loops = sorted({node.name for node in graph.node if node.op in _LOOPS})
    if loops:
        raise InputError(
            f"the model holds a loop or a branch in {loops[0]}, which cannot be exported; use operations on whole "
            "tensors, such as keras.ops.cumsum, keras.ops.where and keras.ops.vectorized_map"
        )
    if graph.library.function:
        found = ", ".join(sorted(f.signature.name for f in graph.library.function))
        raise InputError(
            f"the model holds control flow or custom objects that cannot be frozen: {found}; write the layer with "
            "keras.ops of fixed shapes"
        )
    names = [tensor.op.name for tensor in frozen.inputs]
    (output,) = frozen.outputs
    node = graph.node.add()
    node.op, node.name = "Identity", OUTPUT
    node.input.append(output.name.removesuffix(":0"))
    node.attr["T"].type = output.dtype.as_datatype_enum
    for node in graph.node:
        for name, default in default_attributes(node.op).items():
            if node.attr.get(name) == default:
                del node.attr[name]
        for private in [name for name in node.attr if name.startswith("_")]:
            del node.attr[private]
    graph.versions.min_consumer = 0
    return graph, names
