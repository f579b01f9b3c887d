"""An ONNX graph whose tensors have been observed on samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2e_tf.deploy.lowering.session import Feeds, open_session

__all__ = ["OnnxGraph"]


class OnnxGraph:
    """Nodes and constants of a model, and what was observed of its tensors.

    Attributes:
        nodes: ``NodeProto`` in topological order.
        constants: values by name.
        outputs: names.
        shapes: of each tensor, one for every sample.
        values: of small integer tensors, such as sizes: dtype, shape and bytes for every sample.
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

    def model(self) -> Any:
        """``onnx.ModelProto`` of the nodes, with the constants that they use."""
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
        """Run the graph and note the shapes of all its tensors, the values of sizes, and which are boolean.

        Args:
            samples: inputs by name, of all the sizes that matter.
        """
        import onnx

        probe = self.model()
        inferred = onnx.shape_inference.infer_shapes(probe)
        types = {v.name: v.type for v in [*inferred.graph.value_info, *inferred.graph.output]}
        names = [n for node in self.nodes for n in node.output if n in types and n not in self.outputs]
        self.flags = {n for n in names if types[n].tensor_type.elem_type == onnx.TensorProto.BOOL}
        probe.graph.output.extend(onnx.helper.make_value_info(name, types[name]) for name in names)
        for value in probe.graph.output[len(self.outputs) :]:
            value.type.tensor_type.ClearField("shape")
        session = open_session(probe)
        self.values = {}
        self.shapes = {name: [] for name in [*names, *self.outputs]}
        self.shapes |= {value.name: [] for value in probe.graph.input}
        for feeds in samples:
            found = zip([v.name for v in session.get_outputs()], session.run(None, dict(feeds)), strict=True)
            for name, values in found:
                self.shapes[name].append(np.shape(values))
                if np.issubdtype(values.dtype, np.integer) and np.ndim(values) < 2:
                    self.values.setdefault(name, []).append(
                        (values.dtype.str, values.shape, values.tobytes())
                    )
            for name, values in feeds.items():
                self.shapes[name].append(np.shape(values))
        self.shapes |= {name: [v.shape] * len(samples) for name, v in self.constants.items()}

    def new_name(self, stem: str) -> str:
        """A name that no tensor or node has.

        Args:
            stem: says what it is for.
        """
        self._count += 1
        return f"e2e_tf/{stem}_{self._count}"

    def constant(self, values: np.ndarray, stem: str) -> str:
        """The name of a new constant.

        Args:
            values: of any shape and type.
            stem: says what it is for.
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
        """
        import onnx

        return onnx.helper.make_node(op, inputs, outputs, name=self.new_name(op.lower()), **attributes)

    def producers(self) -> dict[str, Any]:
        """The node that makes each tensor."""
        return {name: node for node in self.nodes for name in node.output}
