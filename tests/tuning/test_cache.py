"""The cache of a sweep: the same examples as from the sample, shared where nothing differs."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from e2e_tf.config import make_config
from e2e_tf.errors import InputError
from e2e_tf.training.prepare import prepare
from e2e_tf.tuning.cache import trial_data

REGRESSION = {"visible": {"kind": "regression", "column": "visible_pt", "jets": "signal"}, "score": {}}


def configured(**sections):
    document = {
        "data": {"sample": "tau.h5", "split": [0.6, 0.2, 0.2], "pt_bins": [10, 20, 50]},
        "graph": {"nodes": "candidates", "edges": "knn:2"},
        "model": {"name": "deep_sets"},
    }
    return make_config(document | sections)


@pytest.mark.parametrize("outputs", [{}, REGRESSION])
def test_what_comes_back_is_what_went_in(outputs, tau_folder, tmp_path):
    config = configured(outputs=outputs)
    prepared = prepare(config, tau_folder)
    for _ in range(2):  # built, then read
        data = trial_data(config, tau_folder, tmp_path / "cache")
        for part, split in ((data.train, prepared.train), (data.validation, prepared.validation)):
            mine, theirs = part.arrays(), split.examples.arrays()
            assert set(mine) == set(theirs) >= {"nodes.p4", "nodes.points", "u"}
            for name, values in theirs.items():
                np.testing.assert_array_equal(mine[name], values, err_msg=name)
        assert data.preprocess.to_dict() == prepared.preprocess.to_dict()
        assert (data.source, data.data) == (prepared.source, prepared.data)
        assert data.reweighting == (
            None if outputs and not prepared.reweighting else prepared.reweighting.to_dict()
        )
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_what_has_an_entry_of_its_own(tau_folder, tmp_path):
    cache = tmp_path / "cache"

    def entries(**sections):
        trial_data(configured(**sections), tau_folder, cache)
        return len(list(cache.iterdir()))

    assert entries() == 1
    assert entries(model={"name": "deep_sets", "phi": [7]}, training={"epochs": 3}) == 1
    assert entries(graph={"nodes": "candidates", "edges": "knn:3"}) == 2
    assert entries(outputs=REGRESSION) == 3
    assert entries(graph={"nodes": "candidates", "edges": "knn:2", "max_nodes": 6}) == 4
    assert (
        entries(graph={"nodes": "candidates", "edges": "knn:2", "max_nodes": 6}, model={"name": "fcn"}) == 5
    )
    # A search over the factor of the auxiliary loss has trials with its targets and trials without.
    assert entries(training={"auxiliary_loss": 1.0}) == 6
    assert entries(training={"auxiliary_loss": 0.5}) == 6
    with_targets = trial_data(configured(training={"auxiliary_loss": 2.0}), tau_folder, cache)
    assert "rows.jet_content" in with_targets.train.arrays()


def test_graphs_in_stores_stay_there(tau_folder, tmp_path):
    """Every trial sees what fit sees: the same pieces in the same order, with labels, weights and places of nodes."""
    from e2e_tf.data.graphs import build_graphs
    from e2e_tf.data.jets import read_jets
    from e2e_tf.data.loader import DisjointLoader
    from e2e_tf.data.store_writer import write_store
    from e2e_tf.data.streamed import StreamedGraphs

    data = {"sample": "store.h5", "memory": "stream", "selection": "pt > 12", "split": [0.6, 0.2, 0.2]}
    config = configured(data=data | {"pt_bins": [10, 20, 50]}, outputs=REGRESSION)
    recipe = config.graph.recipe
    write_store(
        tmp_path / "store.h5", build_graphs(read_jets(tau_folder / "tau.h5"), recipe), recipe, chunk=32
    )
    prepared = prepare(config, tmp_path)
    for _ in range(2):  # built, then read
        found = trial_data(config, tmp_path, tmp_path / "cache")
        for part, split in ((found.train, prepared.train), (found.validation, prepared.validation)):
            assert isinstance(part.graphs, StreamedGraphs)
            assert len(part.graphs) == len(split.jets)
            loaders = [
                DisjointLoader(one.graphs, one.label, one.weight, batch_size=16, shuffle=True, seed=4,
                               inputs=("x", "senders", "receivers", "n_node", "u", "points"))
                for one in (part, split.examples)
            ]  # fmt: skip
            for mine, theirs in zip(*(loader.batches(1) for loader in loaders), strict=True):
                for a, b in zip(mine, theirs, strict=True):
                    assert set(a) == set(b)
                    for name in a:
                        np.testing.assert_array_equal(a[name], b[name], err_msg=name)
        assert found.data == prepared.data
        assert found.data["memory"] == "stream"
        jet, _ = found.validation.graphs.with_nodes(np.array([3]))
        assert jet.n_node.tolist() == [found.validation.graphs.n_node[3]]
    (entry,) = (tmp_path / "cache").iterdir()
    assert not list(entry.glob("*/x.npy"))


def test_the_test_part_is_out_of_reach(tau_folder, tmp_path):
    config = configured()
    trial_data(config, tau_folder, tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    assert sorted(path.name for path in entry.iterdir()) == [
        "preprocess.json",
        "source.json",
        "train",
        "validation",
    ]


def test_a_sample_that_cannot_be_used_leaves_nothing(tau_folder, tmp_path):
    shutil.copy(tau_folder / "tau.h5", tmp_path / "tau.h5")
    config = configured(graph={"nodes": "candidates", "edges": "knn:2", "node_features": ["nonsense"]})
    with pytest.raises(InputError, match="nonsense"):
        trial_data(config, tmp_path, tmp_path / "cache")
    assert list((tmp_path / "cache").glob("*")) == []
