"""Operations of TensorFlow that the converter does not know, made of those that ONNX has.

A rule is a function with the decorator :func:`~e2e_tf.deploy.lowering.operations.lowers`; what is in no rule is
named and refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.deploy.lowering.operations import lowers

__all__: list[str] = []

_SIGN = np.int32(np.iinfo(np.int32).min)  # the bit of the sign


class _Maker:
    """Makes the nodes in the place of one; the last has its name and output."""

    def __init__(self, context: Any, node: Any) -> None:
        self.context, self.node = context, node
        self.inputs = list(node.input)
        self._outputs = list(node.output)
        self._shapes = [context.get_shape(name) for name in node.output]
        self._dtypes = [context.get_dtype(name) for name in node.output]
        self._count = 0

    @property
    def dtype(self) -> int:
        """Of the first output."""
        found: int = self._dtypes[0]
        return found

    @property
    def is_float(self) -> bool:
        """Whether the first output is of floats."""
        import onnx

        return self.dtype in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)

    def constant(self, values: Any, like: str = "") -> str:
        """The name of a constant, of the type of a tensor where one is named."""
        from tf2onnx import utils

        array = np.asarray(values)
        if like:
            array = array.astype(utils.map_onnx_to_numpy_type(self.context.get_dtype(like)))
        self._count += 1
        found: str = self.context.make_const(f"{self.node.name}_constant_{self._count}", array).output[0]
        return found

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """The output of a new node."""
        found: str = self.context.make_node(op, list(inputs), attr=attributes or None).output[0]
        return found

    def end(self, op: str, *inputs: str, **attributes: Any) -> None:
        """Put a node in the place of the one."""
        name = self.node.name
        self.context.remove_node(name)
        self.context.make_node(
            op,
            list(inputs),
            attr=attributes or None,
            name=name,
            outputs=self._outputs,
            shapes=self._shapes,
            dtypes=self._dtypes,
        )

    def counted(self, smaller: str) -> None:
        """Put the number of values of the last axis that are false in the place of the node."""
        import onnx

        ones = self.add("Cast", self.add("Not", smaller), to=onnx.TensorProto.FLOAT)
        total = self.add("ReduceSum", ones, self.constant(np.array([-1], np.int64)), keepdims=0)
        self.end("Cast", total, to=self._dtypes[0])


@lowers("Erfc")
def _erfc(context: Any, node: Any, name: str, args: Any) -> None:
    """``1 - erf(x)``, of which the exact GELU is made."""
    make = _Maker(context, node)
    make.end("Sub", make.constant(1, like=make.inputs[0]), make.add("Erf", make.inputs[0]))


@lowers("Expm1")
def _expm1(context: Any, node: Any, name: str, args: Any) -> None:
    make = _Maker(context, node)
    make.end("Sub", make.add("Exp", make.inputs[0]), make.constant(1, like=make.inputs[0]))


@lowers("Log1p")
def _log1p(context: Any, node: Any, name: str, args: Any) -> None:
    make = _Maker(context, node)
    make.end("Log", make.add("Add", make.inputs[0], make.constant(1, like=make.inputs[0])))


@lowers("FloorDiv")
def _floor_div(context: Any, node: Any, name: str, args: Any) -> None:
    """``Div`` cuts the quotient of integers towards zero; the converter's own rule leaves it at that."""
    make = _Maker(context, node)
    x, y = make.inputs
    if make.is_float:
        make.end("Floor", make.add("Div", x, y))
    else:  # without the rest nothing is cut
        make.end("Div", make.add("Sub", x, make.add("Mod", x, y)), y)


@lowers("FloorMod")
def _floor_mod(context: Any, node: Any, name: str, args: Any) -> None:
    """``Mod`` of integers has the sign of the divisor, that of floats the sign of the dividend."""
    make = _Maker(context, node)
    x, y = make.inputs
    if not make.is_float:
        make.end("Mod", x, y)
        return
    zero = make.constant(0.0, like=x)
    rest = make.add("Mod", x, y, fmod=1)
    apart = make.add("Xor", make.add("Less", rest, zero), make.add("Less", y, zero))
    apart = make.add("And", apart, make.add("Not", make.add("Equal", rest, zero)))
    make.end("Where", apart, make.add("Add", rest, y), rest)


@lowers("OneHot")
def _one_hot(context: Any, node: Any, name: str, args: Any) -> None:
    """By comparison with all numbers: ``OneHot`` counts negative ones from the end, where TensorFlow has none."""
    import onnx

    make = _Maker(context, node)
    indices, depth, on, off = make.inputs
    rank, axis = context.get_rank(indices), node.get_attr_value("axis", -1)
    if rank is None:
        raise ValueError("OneHot is lowered where the rank of its numbers is known")
    where = axis if axis >= 0 else rank
    whole, zero, one = onnx.TensorProto.INT64, np.int64(0), np.int64(1)
    numbers = make.add("Range", make.constant(zero), make.add("Cast", depth, to=whole), make.constant(one))
    if where < rank:
        behind = np.arange(1, rank - where + 1)
        numbers = make.add("Unsqueeze", numbers, make.constant(behind.astype(np.int64)))
    values = make.add("Cast", indices, to=whole)
    values = make.add("Unsqueeze", values, make.constant(np.array([where], np.int64)))
    make.end("Where", make.add("Equal", values, numbers), on, off)


@lowers("Bucketize")
def _bucketize(context: Any, node: Any, name: str, args: Any) -> None:
    """How many boundaries a value is not below: NaN is below none, as in TensorFlow."""
    import onnx

    make = _Maker(context, node)
    bounds = make.constant(np.array(node.get_attr("boundaries").floats, np.float32))
    value = make.add("Cast", make.inputs[0], to=onnx.TensorProto.FLOAT)
    make.counted(
        make.add("Less", make.add("Unsqueeze", value, make.constant(np.array([-1], np.int64))), bounds)
    )


@lowers("LowerBound", "UpperBound")
def _searched(context: Any, node: Any, name: str, args: Any) -> None:
    """How many of the sorted values lie before each value."""
    make = _Maker(context, node)
    lower = node.type == "LowerBound"
    sequence = make.add("Unsqueeze", make.inputs[0], make.constant(np.array([1], np.int64)))
    values = make.add("Unsqueeze", make.inputs[1], make.constant(np.array([-1], np.int64)))
    if lower:  # not (sequence >= value)
        make.counted(make.add("Not", make.add("Less", sequence, values)))
    else:
        make.counted(make.add("Less", values, sequence))


@lowers("Bitcast")
def _bitcast(context: Any, node: Any, name: str, args: Any) -> None:
    """Of a float only its sign, for which Keras' ``argmax`` asks: that of -0 is told by ``1 / x``."""
    make = _Maker(context, node)
    others = [n.type for n in context.find_output_consumers(node.output[0]) if not _asks_for_the_sign(n)]
    if others:
        raise ValueError(f"Bitcast is lowered where it asks for a sign; here {others[0]} takes its bits")
    zero = make.constant(0.0, like=make.inputs[0])
    inverse = make.add("Reciprocal", make.inputs[0])
    negative = make.add("Or", make.add("Less", make.inputs[0], zero), make.add("Less", inverse, zero))
    make.end("Where", negative, make.constant(_SIGN), make.constant(np.int32(0)))


def _asks_for_the_sign(node: Any) -> bool:
    if node.type not in ("BitwiseAnd", "Identity"):
        return False
    return node.type == "Identity" or any(
        part.is_const() and bool((part.get_tensor_value(as_list=False) == _SIGN).all())
        for part in node.inputs
    )


@lowers("BitwiseAnd")
def _bitwise_and(context: Any, node: Any, name: str, args: Any) -> None:
    """Of the sign alone, as left by the rule of ``Bitcast``, which has no other bit set."""
    if not _asks_for_the_sign(node):
        raise ValueError("BitwiseAnd is lowered where it asks for a sign only")
    make = _Maker(context, node)
    (bits,) = (name for name, part in zip(make.inputs, node.inputs, strict=True) if not part.is_const())
    if node.inputs[make.inputs.index(bits)].type not in ("Where", "Bitcast", "Identity"):
        raise ValueError("BitwiseAnd is lowered where it asks for the sign of a float only")
    make.end("Identity", bits)


@lowers("DenseBincount")
def _bincount(context: Any, node: Any, name: str, args: Any) -> None:
    """How often each number below ``size`` is there, by comparison with all of them."""
    import onnx

    make = _Maker(context, node)
    weights = node.inputs[2]
    if not weights.is_const() or weights.get_tensor_value(as_list=False).size:
        raise ValueError("DenseBincount is lowered without weights only")
    zero, one = (make.constant(value, like=make.inputs[1]) for value in (0, 1))
    numbers = make.add("Range", zero, make.inputs[1], one)
    values = make.add("Unsqueeze", make.inputs[0], make.constant(np.array([-1], np.int64)))
    found = make.add("Cast", make.add("Equal", values, numbers), to=onnx.TensorProto.FLOAT)
    count = make.add("ReduceSum", found, make.constant(np.array([-2], np.int64)), keepdims=0)
    if node.get_attr_value("binary_output", 0):
        count = make.add("Min", count, make.constant(np.float32(1)))
    make.end("Cast", count, to=make.dtype)
