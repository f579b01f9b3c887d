"""The convolutional network of CMS's tau trigger on cells of detector objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from model_checks import check_dropout, check_paper
from small_models import CELLS, SMALL, F

from e2e_tf.data.detector_features import DETECTOR_FEATURES
from e2e_tf.data.features import CANDIDATE_FEATURES
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.errors import InputError
from e2e_tf.models import build_model, fill_settings

SETTINGS = {"pointwise": [7, 5], "filters": [4, 6], "dense": [8, 3], **CELLS}


def test_is_that_of_the_docstring(batch: Any) -> None:
    check_paper("level2_cnn", SETTINGS, batch([5, 0, 1, 30, 2, 17], F, 2))


def test_inputs_are_clipped(batch: Any) -> None:
    check_paper("level2_cnn", SETTINGS | {"clip": 0.7}, batch([5, 0, 1, 30, 2, 17], F, 0))


def test_dropout(batch: Any) -> None:
    check_dropout("level2_cnn", SETTINGS | {"dropout": 0.3}, batch([14], F, 2))


def test_parameters_counted_by_hand() -> None:
    """Of the published sizes: a convolution and its batch normalisation, or a dense layer and its own."""

    def layer(inputs: int, outputs: int) -> int:
        return inputs * outputs + outputs + 4 * outputs

    by_hand = 2 * 21  # means and widths that standardise
    by_hand += layer(23, 80) + layer(80, 60) + layer(60, 40) + layer(40, 20)
    by_hand += 3 * layer(4 * 20, 20) + layer(4 * 20, 40)
    by_hand += layer(40, 40) + layer(40, 40) + layer(40, 20) + 21
    assert build_model("level2_cnn", 31, 2).count_params() == by_hand


def preprocess(nodes: str, features: Any) -> Preprocess:
    values = np.random.default_rng(0).normal(1, 2, (50, len(features))).astype(np.float32)
    return Preprocess(nodes, "knn:1", Normalisation.fit(features, values))


def test_columns_are_found_by_their_names() -> None:
    given = preprocess("detector", DETECTOR_FEATURES)
    filled = fill_settings("level2_cnn", {"dense": [8]}, given)
    names = [given.node_features.features[column].name for column in filled["columns"]]
    assert names == [
        *(
            "deta",
            "dphi",
            "energy_log",
            "pt_log",
            "charge",
            "chi2_log1p",
            "n_pixel_hits",
            "d0_tanh",
            "dz_tanh",
        ),
        *("from_pv", "is_track", "is_ecal", "is_hcal"),
    ]
    assert filled["median"] == [float(given.node_features.median[c]) for c in filled["columns"]]
    assert filled["norm_factor"] == [float(given.node_features.norm_factor[c]) for c in filled["columns"]]
    assert filled["dense"] == [8]
    with pytest.raises(InputError, match="level2_cnn needs graph.nodes = 'detector', not 'candidates'"):
        fill_settings("level2_cnn", {}, preprocess("candidates", CANDIDATE_FEATURES))
    with pytest.raises(InputError, match="level2_cnn needs the node features chi2:log1p"):
        fill_settings("level2_cnn", {}, preprocess("detector", DETECTOR_FEATURES[:24]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filters": [1] * 5}, "filters must be of at most 4 layers on 5 x 5 cells, not 5"),
        ({"pointwise": [0]}, r"pointwise must be positive, not \(0,\)"),
        ({"dropout": 1}, r"dropout must be in \[0, 1\), not 1"),
        ({"clip": 0}, "clip must be positive, not 0"),
        ({"columns": [0, 1]}, r"columns must be those of deta, dphi, energy, .*, is_hcal, not \(0, 1\)"),
        ({"columns": [6] * 13}, "columns must be of x, 0 to 5"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_model("level2_cnn", F, 2, SMALL["level2_cnn"] | changes)
