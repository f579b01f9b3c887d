"""The frozen function behind the tensors of an interface."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from e2e_tf.deploy.export import export
from e2e_tf.deploy.exported import _traced, freeze
from e2e_tf.errors import InputError
from e2e_tf.files import read_json


def test_default_attributes_are_left_out_for_older_tensorflows(bundles: dict[str, Path]) -> None:
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef.FromString((bundles["padded"] / "model.pb").read_bytes())
    products = [node for node in graph.node if node.op in ("MatMul", "BatchMatMulV2")]
    assert products
    assert all(not [a for a in node.attr if a.startswith(("grad_", "_"))] for node in products)


def test_edge_lists_need_a_reduction_which_old_releases_lack(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", settings={"channels": (4,), "heads": (1,), "layout": "edges"})
    with pytest.raises(InputError, match="CMSSW_12_4 .* ScatterND with reduction=add needs opset 16"):
        export(run, tmp_path / "out", cmssw="12_4", interface="edges")
    # Without blocks no graph is built inside, though the rule of this one could be.
    folder = export(run, tmp_path / "out", cmssw="13_1", formats=("onnx",), proof=0)
    assert read_json(folder / "manifest.json")["interface"] == "edges"
    nodes = onnx.load(folder / "model.onnx").graph.node
    # Segments are neither sorted nor padded to the largest: that takes one of these.
    assert not {node.op_type for node in nodes} & {"Unique", "TopK", "Pad", "Loop", "Scan", "NonZero"}
    reductions = {
        attribute.s.decode()
        for node in nodes
        for attribute in node.attribute
        if attribute.name == "reduction"
    }
    assert reductions == {"add", "max"}


def test_what_keras_adds_to_a_sentence_is_left_out() -> None:
    class Function:
        @staticmethod
        def get_concrete_function() -> None:  # as Keras says it, in colours
            said = "the layer lstm is too long"
            raise InputError(f"Exception encountered when calling LSTM.call().\n\n\x1b[1m{said}\x1b[0m\n")

    with pytest.raises(InputError, match="^the layer lstm is too long$"):
        _traced(Function())

    class Coloured:
        @staticmethod
        def get_concrete_function() -> None:
            raise ValueError(
                "Exception encountered when calling A.call().\n\n\x1b[1mNo such thing. Try\x1b[0m\n"
            )

    with pytest.raises(
        InputError, match=r"^the model cannot be traced: Exception .* A\.call\(\)\. No such thing$"
    ):
        _traced(Coloured())


def test_a_function_within_cannot_be_frozen() -> None:
    import tensorflow as tf

    doubled = tf.function(lambda x: 2 * x, jit_compile=True)  # stays a function of its own

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "x")])
    def compiled_within(x: tf.Tensor) -> tf.Tensor:
        return doubled(x) + 1

    with pytest.raises(InputError, match="holds control flow or custom objects that cannot be frozen"):
        freeze(compiled_within)


def test_input_and_output_are_named_as_the_interface_names_them() -> None:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, name) for name in ("b", "a")])
    def difference(b: tf.Tensor, a: tf.Tensor) -> tf.Tensor:
        return b - a

    graph, names = freeze(difference)
    assert names == ["b", "a"]
    assert [node.name for node in graph.node if node.op == "Placeholder"] == ["b", "a"]
    assert (graph.node[-1].name, graph.node[-1].op) == ("score", "Identity")
