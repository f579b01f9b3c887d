from __future__ import annotations

import tensorflow as tf

from e2e_tf.layers import GATConv
from e2e_tf.layers._fast import use_fast


def test_where_the_kernels_apply():
    layer = GATConv(2)
    assert use_fast(layer, xla=False, gpu=True)
    assert use_fast(layer, tf.float32, xla=False, gpu=True)
    assert use_fast(layer, tf.float64, xla=True, gpu=True)
    assert not use_fast(layer, tf.float16, xla=True, gpu=True)
    assert not use_fast(layer, tf.bfloat16, xla=True, gpu=True)
    layer.fast = False
    assert not use_fast(layer, tf.float32, xla=True, gpu=True)


def test_in_functions_that_xla_compiles():
    layer, found = GATConv(2), []

    def call():
        found.extend(use_fast(layer, xla=xla, gpu=True) for xla in (True, False))
        return 0

    tf.function(call, jit_compile=True)()
    tf.function(call)()
    assert found == [True, False, True, True]


def test_beside_a_graphics_card(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert use_fast(GATConv(2), xla=True, gpu=True)
    assert not use_fast(GATConv(2), xla=True, gpu=False)
