"""The graph network of detector objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from model_checks import check_dropout, check_paper
from small_models import OBJECTS, SMALL, F

from e2e_tf.data.detector_features import DETECTOR_FEATURES
from e2e_tf.data.features import CANDIDATE_FEATURES
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.errors import InputError
from e2e_tf.models import build_model, fill_settings

SETTINGS = {"width": 6, "embed": [5], "message": [7, 4], "update": [3], "phi": 5, "dense": [8, 6], **OBJECTS}


@pytest.mark.parametrize("aggregate", ["mean", "sum", "max"])
@pytest.mark.parametrize("layout", ["blocks", "edges"])
def test_is_that_of_the_paper(aggregate: str, layout: str, batch: Any) -> None:
    check_paper(
        "detector_net", SETTINGS | {"aggregate": aggregate, "layout": layout}, batch([5, 0, 1, 9, 2, 7])
    )


@pytest.mark.parametrize("layout", ["blocks", "edges"])
def test_nodes_are_told_of_their_jet(layout: str, batch: Any) -> None:
    check_paper("detector_net", SETTINGS | {"context": 3, "layout": layout}, batch([5, 0, 1, 9, 2, 7]))


GROUPS = {
    "groups": 2,
    "columns": [*OBJECTS["columns"], 5, 1, 2, 3],
    "median": [*OBJECTS["median"], -1.0, 0.05, 0.0, 0.2],
    "norm_factor": [*OBJECTS["norm_factor"], 2.0, 10.0, 8.0, 1.0],
}


@pytest.mark.parametrize("layout", ["blocks", "edges"])
def test_masses_of_groups(layout: str, batch: Any) -> None:
    check_paper("detector_net", SETTINGS | GROUPS | {"layout": layout}, batch([5, 0, 1, 9, 2, 7]))


def test_dropout(batch: Any) -> None:
    check_dropout("detector_net", SETTINGS | {"dropout": 0.3}, batch([4]))


def test_the_layouts_are_one_model(batch: Any) -> None:
    blocks = build_model("detector_net", F, 2, SMALL["detector_net"] | {"layout": "blocks"})
    edges = build_model("detector_net", F, 2, SMALL["detector_net"])
    assert [w.shape for w in edges.weights] == [w.shape for w in blocks.weights]
    edges.set_weights(blocks.get_weights())
    whole = batch([5, 0, 1, 9])
    np.testing.assert_allclose(edges(whole), blocks(whole), rtol=1e-5, atol=1e-6)


def test_weights_counted_by_hand() -> None:
    # Two blocks of width 48 on 24 features of four kinds, four features of edges, two quantities of jets.
    by_hand = 4 * (24 * 48 + 48) + 48 * 48 + 48
    block = (2 * 48 + 4) * 48 + 48 + 4 * 4 * 48 + 48 * 48 + 48  # messages
    block += 2 * (48 * 48) + 48 + 48 * 48 + 48 + 2 * 48  # what a node makes of them, LayerNorm
    by_hand += 2 * block + 3 * 48 * 96 + 96
    by_hand += (4 * 96 + 2) * 96 + 96 + 96 * 96 + 96 + 97
    settings = {"columns": range(7), "median": [0] * 7, "norm_factor": [1] * 7}
    assert build_model("detector_net", 24, 2, settings).count_params() == by_hand


def preprocess(nodes: str, features: Any) -> Preprocess:
    values = np.random.default_rng(0).normal(1, 2, (50, len(features))).astype(np.float32)
    return Preprocess(nodes, "knn:2", Normalisation.fit(features, values))


def test_columns_are_found_by_their_names() -> None:
    given = preprocess("detector", DETECTOR_FEATURES[::-1])
    filled = fill_settings("detector_net", {"width": 8}, given)
    names = [given.node_features.features[column].name for column in filled["columns"]]
    assert names == ["deta_face", "dphi_face", "energy_log", "is_track", "is_ecal", "is_hcal", "is_pixel"]
    assert filled["median"] == [float(given.node_features.median[c]) for c in filled["columns"]]
    assert filled["norm_factor"] == [float(given.node_features.norm_factor[c]) for c in filled["columns"]]
    assert filled["width"] == 8
    filled = fill_settings("detector_net", {"groups": 3}, given)
    names = [given.node_features.features[column].name for column in filled["columns"]]
    assert names[7:] == ["pt_fraction_log", "deta", "dphi", "charge"]
    assert len(filled["median"]) == len(filled["norm_factor"]) == 11
    own = {"columns": [1] * 7, "median": [0] * 7, "norm_factor": [1] * 7}
    assert fill_settings("detector_net", own, given) == own
    assert fill_settings("detector_net", {}, preprocess("candidates", CANDIDATE_FEATURES)) == {}
    with pytest.raises(
        InputError, match="detector_net needs the node features deta_face:identity, energy:log; there"
    ):
        fill_settings(
            "detector_net", {}, preprocess("detector", [*DETECTOR_FEATURES[:6], *DETECTOR_FEATURES[11:]])
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"columns": [0, 1]},
            r"columns must be those of deta_face, dphi_face, energy, is_track, .*, not \(0, 1\)",
        ),
        ({"columns": [6] * 7}, "columns must be of x, 0 to 5"),
        ({"message": []}, "message must have at least one layer"),
        ({"update": [0]}, r"update must be positive, not \(0,\)"),
        ({"width": 0}, "width must be at least 1, not 0"),
        ({"blocks": -1}, "blocks must not be negative, not -1"),
        ({"groups": -1}, "groups must not be negative, not -1"),
        ({"groups": 2}, r"columns must be those of .*, charge, not \(0, 1, 2, 3, 4, 5, 0\)"),
        ({"groups": 2, "columns": []}, "groups = 2 needs columns, those of detector objects"),
        ({"context": -1}, "context must not be negative, not -1"),
        ({"aggregate": "prod"}, "aggregate must be 'mean', 'sum' or 'max', not 'prod'"),
        ({"layout": "sparse"}, "layout must be 'blocks' or 'edges', not 'sparse'"),
        ({"dropout": 1}, r"dropout must be in \[0, 1\), not 1"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_model("detector_net", F, 2, SMALL["detector_net"] | changes)
