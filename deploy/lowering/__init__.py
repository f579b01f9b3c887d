"""From a frozen TensorFlow graph to a small ONNX graph: constants folded, shape arithmetic gone, nothing twice.

``operations`` converts, ``rewrites`` says what is simplified, ``optimiser`` does it and checks that nothing has
changed, ``precision`` stores the result in fewer bits, ``attention`` makes one operation of each attention.
"""

from __future__ import annotations

from e2e_tf.deploy.lowering import rules  # noqa: F401  # registers them
from e2e_tf.deploy.lowering.attention import FUSED, fused_attention
from e2e_tf.deploy.lowering.operations import convert
from e2e_tf.deploy.lowering.optimiser import optimise
from e2e_tf.deploy.lowering.precision import cost, float16_products, float16_weights, int8_weights

__all__ = [
    "FUSED",
    "convert",
    "cost",
    "float16_products",
    "float16_weights",
    "fused_attention",
    "int8_weights",
    "optimise",
]
