from __future__ import annotations

import numpy as np
import pytest
from small_store import RECIPE, N

from e2e_tf.data.graphs import build_graphs
from e2e_tf.data.held import held_bytes, held_graphs, held_jets, streamed_jets
from e2e_tf.data.stored import StoredJets
from e2e_tf.errors import InputError


def test_size_in_memory_is_told_by_the_header(store_path, stored, tmp_path):
    arrays = (stored.batch.x, stored.batch.senders, stored.batch.receivers, stored.positions)
    assert held_bytes(store_path) == sum(array.nbytes for array in arrays)
    (tmp_path / "none.h5").write_text("no HDF5")
    assert held_bytes(tmp_path / "none.h5") == 0


def test_some_of_the_graphs_in_memory(store_path, stored):
    rows, graphs = held_graphs(stored, 3)
    assert graphs is stored
    assert len(rows) == N

    rows, graphs = held_graphs(streamed_jets(store_path).finished_graphs(RECIPE), 10)

    np.testing.assert_array_equal(rows, np.arange(0, N, 7))
    np.testing.assert_array_equal(graphs.batch.x, stored.take(rows).batch.x)
    assert len(held_graphs(streamed_jets(store_path).finished_graphs(RECIPE))[0]) == N


def test_jets_with_their_graphs_in_memory(store_path, stored, make_jets):
    found = held_jets(streamed_jets(store_path).take(np.array([9, 2])))

    assert isinstance(found, StoredJets)
    np.testing.assert_array_equal(found.graphs.batch.senders, stored.take(np.array([9, 2])).batch.senders)
    np.testing.assert_array_equal(build_graphs(found, RECIPE).batch.u, stored.batch.u[[9, 2]])
    jets = make_jets(3)
    assert held_jets(jets) is jets


def test_a_file_that_is_no_store_is_refused(tmp_path):
    (tmp_path / "none.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="none.h5 cannot be read"):
        streamed_jets(tmp_path / "none.h5")
