from __future__ import annotations

import numpy as np
from small_store import RECIPE

from e2e_tf.data.graphs import build_graphs
from e2e_tf.data.held import streamed_jets
from e2e_tf.data.streamed import StreamedGraphs
from e2e_tf.data.survey import Survey


def test_what_another_process_needs_is_in_its_arrays(store_path, tmp_path):
    graphs = build_graphs(streamed_jets(store_path), RECIPE)
    preprocess = graphs.fit_preprocess(RECIPE)
    rows = np.array([4, 0, 17])
    part = graphs.take(rows).normalised(preprocess)
    for name, values in part.survey.arrays().items():
        np.save(tmp_path / f"{name}.npy", values, allow_pickle=False)
    read = Survey.of({path.stem: np.load(path) for path in tmp_path.glob("*.npy")}, preprocess)
    assert read.placed == part.survey.placed
    assert read.together == part.survey.together
    assert (read.node_features, read.jet_features) == (graphs.node_features, graphs.jet_features)
    np.testing.assert_array_equal(read.prints, graphs.prints[rows])
    np.testing.assert_array_equal(read.u, graphs.survey.u[rows])
    again = StreamedGraphs(streamed_jets(store_path).take(rows), RECIPE, preprocess, read)
    np.testing.assert_array_equal(again.held().batch.x, part.held().batch.x)
