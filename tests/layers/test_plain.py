from __future__ import annotations

import keras
import pytest
import tensorflow as tf
from layer_graphs import EDGES, STANDARD

from e2e_tf.layers import ChebConv, GATConv, ScaledLaplacian
from e2e_tf.layers.plain import plain


def test_within_a_layer_is_plain_and_afterwards_as_before():
    layer = GATConv(2)
    with plain(layer):
        assert not layer.fast
        with plain(layer):
            assert not layer.fast
        assert not layer.fast
    assert layer.fast
    assert GATConv.fast
    with pytest.raises(KeyError), plain(layer):
        raise KeyError
    assert layer.fast


def test_layers_of_models_in_models_are_plain_and_those_of_others_are_not():
    x, senders, receivers = keras.Input((5,)), keras.Input((), dtype="int32"), keras.Input((), dtype="int32")
    layer, other = GATConv(2, dropout_rate=0.0), GATConv(2, dropout_rate=0.0)
    inner = keras.Model([x, senders, receivers], layer([x, (senders, receivers)]))
    outer = keras.Model([x, senders, receivers], keras.layers.Dense(1)(inner([x, senders, receivers])))
    with plain(outer):
        assert not layer.fast
        assert other.fast
    assert layer.fast
    with plain(outer, "ChebConv"):
        assert layer.fast
    with plain(outer, "GATConv"):
        assert not layer.fast
        assert other.fast
    assert layer.fast


def test_what_is_traced_within_holds_no_sparse_matrix():
    attention, laplacian, chebyshev = GATConv(2, dropout_rate=0.0), ScaledLaplacian(), ChebConv(2, K=3)
    inputs = tf.nest.map_structure(tf.constant, EDGES.feed(STANDARD))

    def call():
        x, edges = attention(inputs), inputs[1]
        return chebyshev([x, laplacian([x, edges])])

    def sparse():
        graph = tf.function(call, autograph=False).get_concrete_function().graph
        return {op.type for op in graph.get_operations() if "CSR" in op.type or "SparseMatrix" in op.type}

    assert sparse()
    with plain(attention), plain(laplacian), plain(chebyshev):
        assert not sparse()


def test_the_configuration_does_not_know_of_it():
    layer = GATConv(2)
    before = layer.get_config()
    with plain(layer):
        assert layer.get_config() == before
        assert GATConv.from_config(before).fast
