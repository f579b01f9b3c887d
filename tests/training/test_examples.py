from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch
from e2e_tf.training.examples import Examples, join, padded_rows


def some(counts=(2, 0, 3), u=True, named=False):
    n, b = sum(counts), len(counts)
    graphs = GraphBatch.from_edges(
        np.arange(2 * n, dtype=np.float32).reshape(n, 2) + 1, [], [], counts, u=np.ones((b, 4)) if u else None
    )
    label, weight = np.arange(b, dtype=np.float32), np.full(b, 0.5, np.float32)
    return Examples(
        graphs,
        {"a": label, "b": -label} if named else label,
        {"a": weight, "b": 2 * weight} if named else weight,
        {"p4": np.arange(4 * n, dtype=np.float32).reshape(n, 4)},
        {"image": np.arange(b * 12, dtype=np.float32).reshape(b, 2, 2, 3)},
    )


def model(**shapes):
    inputs = [SimpleNamespace(name=name, shape=(None, *shape)) for name, shape in shapes.items()]
    return SimpleNamespace(name="model", inputs=inputs)


def same(a, b):
    mine, theirs = a.arrays(), b.arrays()
    assert set(mine) == set(theirs)
    for name in mine:
        np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)


@pytest.mark.parametrize("named", [False, True])
def test_arrays_and_back(named):
    same(Examples.of(some(named=named).arrays()), some(named=named))
    bare = Examples(some(u=False).graphs)
    again = Examples.of(bare.arrays())
    same(again, bare)
    assert (again.label, again.weight, again.graphs.u) == (None, None, None)


def test_widths():
    assert some().widths == (3, 4)
    assert Examples(some(u=False).graphs).widths == (2, 0)


def test_a_batch_has_what_the_model_takes():
    loader = some(named=True).loader(model(x=(2,), n_node=(), p4=(4,)), 2)
    (inputs, label, weight), second = loader.batches()
    assert list(inputs) == ["x", "n_node", "p4"]
    np.testing.assert_array_equal(inputs["n_node"], [2, 0])
    np.testing.assert_array_equal(label["b"], [[0], [-1]])
    np.testing.assert_array_equal(weight["b"], [1, 1])
    np.testing.assert_array_equal(second[0]["p4"], some().nodes["p4"][2:])


def test_an_image_in_place_of_the_graph():
    loader = some().loader(model(image=(2, 2, 3), u=(4,)), 2, shuffle=True, seed=3)
    order = loader.order(0)
    inputs, _, _ = next(loader.batches())
    assert list(inputs) == ["image", "u"]
    np.testing.assert_array_equal(inputs["image"], some().rows["image"][order[:2]])


def test_what_a_model_lacks():
    some().check(model(x=(2,), senders=(), u=(4,), p4=(4,), image=(2, 2, 3)))
    with pytest.raises(
        InputError, match=r"model needs the inputs x, points; tau.h5 must .* and lacks points"
    ):
        some().check(model(x=(2,), points=(2,)), "tau.h5")
    with pytest.raises(InputError, match=r"input image in the shape \(4, 4, 3\) .* it is \(2, 2, 3\)"):
        some().check(model(image=(4, 4, 3)))
    with pytest.raises(InputError, match="lacks u"):
        some(u=False).check(model(x=(2,), u=(4,)))


def test_joined():
    both = join([some(), some((1,))])
    assert len(both) == 4
    np.testing.assert_array_equal(both.graphs.n_node, [2, 0, 3, 1])
    np.testing.assert_array_equal(both.label, [0, 1, 2, 0])
    assert both.nodes["p4"].shape == (6, 4)
    assert both.rows["image"].shape == (4, 2, 2, 3)
    np.testing.assert_array_equal(join([some(named=True)] * 2).weight["b"], np.ones(6))


def test_rows_of_nodes():
    rows = padded_rows(some().graphs, 4)
    np.testing.assert_array_equal(rows, [[1, 2, 3, 4, 0, 0, 0, 0], [0] * 8, [5, 6, 7, 8, 9, 10, 0, 0]])
    with pytest.raises(InputError, match=r"at least the nodes of the largest graph \(3\), not 2"):
        padded_rows(some().graphs, 2)
