"""An ONNX graph whose tensors have known shapes at many sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2e_tf.deploy.lowering.session import Feeds
from e2e_tf.deploy.lowering.sizes import ShapeWalk

__all__ = ["OnnxGraph"]


class OnnxGraph:
    """Nodes and constants of a model, and what is known of its tensors.

    Attributes:
        nodes: ``NodeProto`` in topological order.
        constants: values by name.
        outputs: names.
        shapes: of each tensor, one for every sample; a tensor whose shape depends on more than sizes is not there.
        values: of small integer tensors that depend on sizes alone: dtype, shape and bytes for every sample.
        flags: names of boolean tensors.
    """

    def __init__(self, model: Any) -> None:
        import onnx
        from onnx import numpy_helper

        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)  # rewrites change nodes in place
        self.nodes = list(self._model.graph.node)
        self.constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self.outputs = [value.name for value in model.graph.output]
        self.shapes: dict[str, list[tuple[int, ...]]] = {}
        self.values: dict[str, list[Any]] = {}
        self.flags: set[str] = set()
        self._count = 0
        self._taken = set(self.constants) | {name for n in self.nodes for name in (n.name, *n.output)}

    def model(self) -> Any:
        """``onnx.ModelProto`` of the nodes, with the constants that they use.

        Returns:
            The model.
        """
        import onnx
        from onnx import numpy_helper

        used = {name for node in self.nodes for name in node.input}
        out = onnx.ModelProto()
        out.CopyFrom(self._model)
        del out.graph.node[:], out.graph.initializer[:], out.graph.value_info[:]
        out.graph.node.extend(self.nodes)
        out.graph.initializer.extend(
            numpy_helper.from_array(np.ascontiguousarray(v).reshape(v.shape), k)
            for k, v in self.constants.items()
            if k in used
        )
        return out

    def observe(self, samples: Sequence[Feeds]) -> None:
        """Note the shapes of all tensors, the values of sizes, and which tensors are boolean; nothing is run.

        Args:
            samples: inputs by name, of all the sizes that matter; see
                :func:`e2e_tf.deploy.lowering.sizes.sized_inputs`.
        """
        import onnx

        inferred = onnx.shape_inference.infer_shapes(self.model())
        types = {v.name: v.type.tensor_type.elem_type for v in inferred.graph.value_info}
        self.flags = {name for name, kind in types.items() if kind == onnx.TensorProto.BOOL}
        walk = ShapeWalk(
            self, next(o.version for o in self._model.opset_import if o.domain in ("", "ai.onnx"))
        )
        found = [walk(feeds) for feeds in samples]
        # A graph that cannot run without nodes is not asked what it does without.
        most = max(len(shapes) for shapes, _ in found)
        sized = [all(values.size for values in feeds.values()) for feeds in samples]
        found = [f for f, some in zip(found, sized, strict=True) if some or len(f[0]) == most]
        self.shapes = _in_all([shapes for shapes, _ in found])
        self.values = {
            name: [(v.dtype.str, v.shape, v.tobytes()) for v in values]
            for name, values in _in_all([values for _, values in found]).items()
            if all(np.issubdtype(v.dtype, np.integer) and v.ndim < 2 for v in values)
        }

    def new_name(self, stem: str) -> str:
        """A name that no tensor or node has.

        Args:
            stem: says what it is for.

        Returns:
            The name.
        """
        while True:
            self._count += 1
            name = f"e2e_tf/{stem}_{self._count}"
            if name not in self._taken:  # by an earlier rewriting of the same model
                return name

    def constant(self, values: np.ndarray, stem: str) -> str:
        """The name of a new constant.

        Args:
            values: of any shape and type.
            stem: says what it is for.

        Returns:
            The name, now a key of :attr:`constants`.
        """
        name = self.new_name(stem)
        self.constants[name] = values
        return name

    def node(self, op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
        """A new node, which is not yet in :attr:`nodes`.

        Args:
            op: operation of ONNX.
            inputs, outputs: names of tensors.
            attributes: of the operation.

        Returns:
            The ``onnx.NodeProto``.
        """
        import onnx

        return onnx.helper.make_node(op, inputs, outputs, name=self.new_name(op.lower()), **attributes)

    def producers(self) -> dict[str, Any]:
        """The node that makes each tensor.

        Returns:
            Nodes by the names of their outputs.
        """
        return {name: node for node in self.nodes for name in node.output}


def _in_all(samples: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """What every sample has, by name: one entry for each."""
    names = set(samples[0]).intersection(*samples[1:]) if samples else set()
    return (
        {name: [sample[name] for sample in samples] for name in samples[0] if name in names}
        if samples
        else {}
    )
