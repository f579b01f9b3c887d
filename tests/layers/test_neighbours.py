from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e_tf.graph import knn
from e2e_tf.layers import padded
from e2e_tf.layers.neighbours import nearest


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=4),
    st.integers(1, 9),
    st.sampled_from([2, 3, 6]),
    st.integers(0, 2**31),
)
def test_neighbours_are_those_of_the_graph_builder(sizes, k, dim, seed):
    rng = np.random.default_rng(seed)
    # Whole numbers on a small grid: many equal distances, and no rounding.
    points = rng.integers(-3, 4, (sum(sizes), dim)).astype(np.float32)
    if dim > 4:
        # Beyond four dimensions distances are rounded, so ties are not kept: no two are equal.
        points = rng.normal(size=points.shape).astype(np.float32)
    n_node = tf.constant(sizes, tf.int32)
    index, mask = padded.block_index(n_node)
    slots, valid = nearest(padded.to_blocks(tf.constant(points), index), mask, k, False)
    start = np.cumsum(sizes) - sizes
    graph, receiver, place = np.nonzero(valid.numpy())
    senders = start[graph] + slots.numpy()[graph, receiver, place]
    receivers = start[graph] + receiver
    expected = np.stack(knn(points, np.array(sizes), k))
    order = np.lexsort((senders, receivers))
    np.testing.assert_array_equal(np.stack([senders, receivers])[:, order], expected)


def test_neighbours_far_from_the_origin():
    # Squared distances of 1e-4 between squared norms of 1e6.
    rng = np.random.default_rng(0)
    near = rng.normal(size=(1, 8, 6)).astype(np.float32)
    offset = np.float32(64.0)
    far = (near + offset).astype(np.float32)
    index, _ = nearest(tf.constant(far - offset), tf.ones((1, 8)), 3, False)
    shifted, _ = nearest(tf.constant(far), tf.ones((1, 8)), 3, False)
    np.testing.assert_array_equal(index, shifted)
