"""What a model gives: one or several outputs, of graphs, nodes or edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError

__all__ = ["Head", "Outputs", "add_heads", "as_heads", "check_columns", "column_names", "head_losses"]

_KINDS = {
    "binary": ("sigmoid", "binary_crossentropy"),
    "multiclass": ("softmax", "sparse_categorical_crossentropy"),
    "regression": ("linear", "mean_squared_error"),
}
_LEVELS = ("graph", "node", "edge")


@dataclass(frozen=True)
class Head:
    """One output of a model.

    Attributes:
        kind: ``binary`` (sigmoid; several outputs are independent labels), ``multiclass`` (softmax) or
            ``regression`` (linear).
        size: number of outputs; of ``multiclass`` the number of classes, at least 2.
        level: what has this output: a ``graph``, a ``node`` or an ``edge``.
        hidden: units of dense layers of its own before the output.
    """

    kind: str = "binary"
    size: int = 1
    level: str = "graph"
    hidden: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise InputError(f"kind must be one of {', '.join(_KINDS)}, not {self.kind!r}")
        if self.level not in _LEVELS:
            raise InputError(f"level must be one of {', '.join(_LEVELS)}, not {self.level!r}")
        least = 2 if self.kind == "multiclass" else 1
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < least:
            raise InputError(f"size must be at least {least} for {self.kind}, not {self.size!r}")
        if any(units < 1 for units in self.hidden):
            raise InputError(f"hidden must be positive numbers, not {self.hidden}")

    @property
    def activation(self) -> str:
        """Activation of the output, a Keras name."""
        return _KINDS[self.kind][0]

    @property
    def loss(self) -> str:
        """The loss that goes with it, a Keras name; labels of ``multiclass`` are integers."""
        return _KINDS[self.kind][1]


Outputs = int | Head | Mapping[str, Head]


def as_heads(outputs: Outputs) -> dict[str, Head]:
    """Heads by name.

    Args:
        outputs: 1 for a binary ``score``, a larger number for a ``score`` of so many classes, a :class:`Head` for a
            ``score`` of its kind, or Heads by name.

    Returns:
        A new dictionary, in the order of ``outputs``.

    Raises:
        InputError: ``outputs`` is none of what is accepted.
    """
    if isinstance(outputs, Head):
        return {"score": outputs}
    if isinstance(outputs, Mapping):
        if not outputs or any(not isinstance(head, Head) for head in outputs.values()):
            raise InputError(f"outputs must map names to Head, at least one, got {dict(outputs)!r}")
        return dict(outputs)
    if isinstance(outputs, bool) or not isinstance(outputs, int) or outputs < 1:
        raise InputError(f"outputs must be a positive number, a Head, or Heads by name, got {outputs!r}")
    return {"score": Head() if outputs == 1 else Head("multiclass", outputs)}


def head_losses(outputs: Outputs) -> Any:
    """What ``compile(loss=...)`` takes.

    Args:
        outputs: see :func:`as_heads`.

    Returns:
        A Keras loss by name, or names by output where ``outputs`` maps names to heads.

    Raises:
        InputError: ``outputs`` is none of what is accepted.
    """
    heads = as_heads(outputs)
    if isinstance(outputs, Mapping):
        return {name: head.loss for name, head in heads.items()}
    return heads["score"].loss


def add_heads(outputs: Outputs, h: Any, inputs: Mapping[str, Any], nodes: Any = None) -> Any:
    """The outputs of a model.

    Args:
        outputs: see :func:`as_heads`.
        h: (B, H), what the model knows of each graph.
        inputs: the model's inputs by name.
        nodes: what it knows of each node, blocks (B, N, H) or flat (n, H); None if the model has no nodes.

    Returns:
        A tensor where ``outputs`` is a number or a Head, else a dictionary of them: (B, size), (n, size) in the
        order of ``x``, or (n_edges, size) in the order of ``senders``.

    Raises:
        InputError: a node or edge level is asked of a model without nodes.
    """
    import keras

    from e2e_tf.layers import EdgeScore

    heads = as_heads(outputs)
    tensors = {}
    flat = None
    for name, head in heads.items():
        if head.level != "graph" and nodes is None:
            raise InputError(f"level must be 'graph' for a model without nodes, {name} has {head.level!r}")
        if head.level != "graph" and flat is None:
            flat = nodes if len(nodes.shape) == 2 else _flat(nodes, inputs["x"], inputs["n_node"])
        if head.level == "edge":
            tensors[name] = EdgeScore(
                head.size, hidden=head.hidden or (64,), activation=head.activation, name=name
            )([flat, (inputs["senders"], inputs["receivers"])])
            continue
        value = h if head.level == "graph" else flat
        for i, units in enumerate(head.hidden, 1):
            value = keras.layers.Dense(units, activation="relu", name=f"{name}_dense_{i}")(value)
        # Scores leave in float32 under a mixed-precision policy too.
        layer = keras.layers.Dense(head.size, activation=head.activation, dtype="float32", name=name)
        tensors[name] = layer(value)
    return tensors if isinstance(outputs, Mapping) else tensors["score"]


def _flat(blocks: Any, x: Any, n_node: Any) -> Any:
    """Blocks (B, N, H) as rows (n, H) in the order of ``x``."""
    from keras import ops

    row = ops.cumsum(ops.ones_like(x[:, 0], dtype="int32")) - 1
    ends = ops.cumsum(n_node)
    graph = ops.sum(ops.cast(ops.expand_dims(row, 1) >= ops.expand_dims(ends, 0), "int32"), axis=1)
    slot = row - ops.take(ends - n_node, graph)
    size = ops.maximum(ops.max(n_node), 1)
    return ops.take(ops.reshape(blocks, (-1, blocks.shape[-1])), graph * size + slot, axis=0)


def column_names(name: str, classes: Sequence[int]) -> list[str]:
    """Columns of an output in files of scores.

    Args:
        name: of the output.
        classes: values that its numbers stand for; none for an output of one number.

    Returns:
        The name itself, or one for each class: ``mode_10``, of a negative class ``mode_m1``.
    """
    return [f"{name}_{str(one).replace('-', 'm')}" for one in classes] or [name]


def check_columns(outputs: Mapping[str, Sequence[int]]) -> None:
    """That no two outputs have a column of one name in files of scores.

    Args:
        outputs: names with the classes of each, as of :func:`column_names`.

    Raises:
        InputError: two have.
    """
    owner: dict[str, str] = {}
    for name, classes in outputs.items():
        for column in column_names(name, classes):
            if column in owner:
                raise InputError(
                    f"outputs.{owner[column]} and outputs.{name} would have the same column {column} in files of "
                    "scores; give one of them another name"
                )
            owner[column] = name
