"""The part of a Keras model that works on dense blocks, behind the layer that makes them."""

from __future__ import annotations

from typing import Any

from e2e_tf.deploy.model_inputs import node_columns
from e2e_tf.errors import InputError

__all__ = ["block_core"]


def block_core(model: Any, interface: str) -> Any:
    """The part of a model behind its ``DisjointToBlocks`` layer: a function of ``x, a, mask, n_node`` and ``u``.

    Of an ensemble, and of other models made of models, the parts of its members and what joins them.

    Args:
        model: a Keras model on disjoint batches, with ``layout = "blocks"``.
        interface: its name, for the message.

    Returns:
        A function of ``x`` (B, N, F) with all columns of :func:`e2e_tf.deploy.model_inputs.node_columns`, ``a``
        (B, N, N), ``mask`` (B, N), ``n_node`` (B,) and ``u`` (B, G) or None that gives (B, C).

    Raises:
        InputError: the model has no such layer, several, or reads its disjoint inputs elsewhere too, or further
            inputs of nodes do not travel with ``x``.
    """
    import keras

    from e2e_tf.layers import DisjointToBlocks

    found = [layer for layer in model.layers if isinstance(layer, DisjointToBlocks)]
    members = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    if members and not found:
        return _joined_core(model, members, interface)
    if len(found) != 1:
        raise InputError(
            f"the {interface} interface needs a model on dense blocks, with one DisjointToBlocks layer "
            f"(model.layout = 'blocks'); this one has {len(found)}"
        )
    x, a, mask = found[0].output
    columns = node_columns(model)
    if len(columns) > 1 and x.shape[-1] != max(part.stop for part in columns.values()):
        raise InputError(
            f"the {interface} interface needs {', '.join(columns)} side by side in front of the DisjointToBlocks layer "
            "of the model, keras.layers.Concatenate()([x, points, p4]); use the edges interface for CMSSW_13_1 or later"
        )
    others = {tensor.name: tensor for tensor in model.inputs}
    inputs = [x, a, mask, *(others[name] for name in ("n_node", "u") if name in others)]
    return _behind(inputs, model.output, interface)


def _joined_core(model: Any, members: list[Any], interface: str) -> Any:
    import keras

    def outside(member: Any, what: str) -> list[Any]:
        # What the member takes and gives in the model around it; its own properties are those within.
        return keras.tree.flatten(getattr(keras.Operation, what).fget(member))

    ours = {id(tensor): tensor.name for tensor in model.inputs}
    for member in members:
        if [ours.get(id(t)) for t in outside(member, "input")] != [t.name for t in member.inputs]:
            raise InputError(
                f"the {interface} interface needs members that take the inputs of the model as they are; "
                f"{member.name} takes others"
            )
    cores = [
        _of_columns(block_core(member, interface), node_columns(model), node_columns(member))
        for member in members
    ]
    tail = _behind([t for member in members for t in outside(member, "output")], model.output, interface)

    def call(*inputs: Any) -> Any:
        return tail(*(part for core in cores for part in keras.tree.flatten(core(*inputs))))

    return call


def _of_columns(core: Any, columns: dict[str, slice], wanted: dict[str, slice]) -> Any:
    """The core of a member, which may take some of the columns of nodes only."""
    if columns.keys() == wanted.keys():
        return core

    def call(x: Any, *others: Any) -> Any:
        from keras import ops

        return core(ops.concatenate([x[..., columns[name]] for name in wanted], axis=-1), *others)

    return call


def _behind(inputs: list[Any], output: Any, interface: str) -> Any:
    """From tensors inside a model to its output; more arguments than there are inputs are left out."""
    import keras

    try:
        core = keras.Model(inputs, output, name="core")
    except ValueError as error:
        raise InputError(
            f"the {interface} interface needs a model that reads its nodes and edges in its DisjointToBlocks "
            f"layer only; this one also reads them elsewhere"
        ) from error

    def call(*values: Any) -> Any:
        return core(list(values[: len(inputs)]), training=False)

    return call
