"""Equality of jets and of graphs, column by column, types included."""

from __future__ import annotations

import numpy as np

from e2e_tf.data.graphs import GraphData
from e2e_tf.data.jets import Jets

_ARRAYS = ("x", "senders", "receivers", "n_node", "n_edge", "u")


def assert_same_jets(a: Jets, b: Jets, attributes: bool = True) -> None:
    def columns(jets: Jets) -> dict[str, np.ndarray]:
        out = {f"jets/{k}": v for k, v in jets.columns.items()}
        out |= {f"truth/{k}": v for k, v in jets.truth.items()}
        out |= {"event": jets.event, "weight": jets.weight}
        if jets.label is not None:
            out["label"] = jets.label
        groups = dict(jets.hits)
        if jets.candidates is not None:
            groups["candidates"] = jets.candidates
        groups |= {f"objects/{kind}": objects for kind, objects in jets.objects.items()}
        for group, ragged in groups.items():
            out[f"{group}/offsets"] = ragged.offsets
            out |= {f"{group}/{k}": v for k, v in ragged.columns.items()}
        return out

    first, second = columns(a), columns(b)
    assert sorted(first) == sorted(second)
    for name, values in first.items():
        assert values.dtype == second[name].dtype, name
        np.testing.assert_array_equal(values, second[name], err_msg=name)
    assert not attributes or dict(a.attributes) == dict(b.attributes)


def assert_same_graphs(a: GraphData, b: GraphData) -> None:
    for name in _ARRAYS:
        first, second = getattr(a.batch, name), getattr(b.batch, name)
        assert first.dtype == second.dtype, name
        np.testing.assert_array_equal(first, second, err_msg=name)
    for name in ("event", "weight", "label", "positions"):
        first, second = getattr(a, name), getattr(b, name)
        assert first.dtype == second.dtype, name
        np.testing.assert_array_equal(first, second, err_msg=name)
    assert sorted(a.jets) == sorted(b.jets)
    for name, values in a.jets.items():
        np.testing.assert_array_equal(values, b.jets[name])
    assert (a.node_features, a.jet_features) == (b.node_features, b.jet_features)
