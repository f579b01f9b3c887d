from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from layer_graphs import EMPTY, OTHER, STANDARD

from e2e_tf.layers.padded import block_index, from_blocks, node_mask, take_nodes, to_blocks


@pytest.mark.parametrize("graphs", [STANDARD, OTHER, EMPTY])
def test_to_blocks_and_back(graphs):
    index, mask = block_index(tf.constant(graphs.n_node))
    np.testing.assert_array_equal(mask, graphs.mask() > 0)
    blocks = to_blocks(tf.constant(graphs.x), index)
    np.testing.assert_array_equal(blocks, graphs.blocks())
    np.testing.assert_array_equal(from_blocks(blocks, tf.constant(graphs.n_node)), graphs.x)


def test_mask_and_counts_in_half_precision():
    members = tf.ones((1, 300))
    mask, count = node_mask(members, tf.bfloat16)
    assert mask.dtype == tf.bfloat16
    np.testing.assert_array_equal(count, [300])


def test_nodes_at_slots():
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    found = take_nodes(tf.constant(x), tf.constant([[[0, 2]] * 3, [[1, 1]] * 3]))
    assert found.shape == (2, 3, 2, 2)
    np.testing.assert_array_equal(found[0, 0], x[0, [0, 2]])
    np.testing.assert_array_equal(found[1, 2], x[1, [1, 1]])
