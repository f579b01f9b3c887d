"""Names, transforms and the choice of features."""

from __future__ import annotations

import re

import numpy as np
import pytest

from e2e_tf.data.features import (
    CANDIDATE_FEATURES,
    HIT_FEATURES,
    JET_FEATURES,
    TRANSFORMS,
    Feature,
    feature_names,
    select_features,
)
from e2e_tf.errors import InputError


@pytest.mark.parametrize(
    ("transform", "raw", "expected"),
    [
        ("identity", [-2.5, 0, 3], [-2.5, 0, 3]),
        ("log", [1.0, np.e, 0.0, -5.0], [0.0, 1.0, np.log(1e-6), np.log(1e-6)]),
        ("log1p", [0.0, np.e - 1], [0.0, 1.0]),
        ("signed_log1p", [0.0, np.e - 1, 1 - np.e], [0.0, 1.0, -1.0]),
        ("tanh", [0.0, 1.0, -100.0], [0.0, np.tanh(1.0), -1.0]),
    ],
)
def test_transforms_by_hand(transform, raw, expected):
    values = TRANSFORMS[transform](np.array(raw, np.float32))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("features", [HIT_FEATURES, CANDIDATE_FEATURES, JET_FEATURES])
def test_names_are_unique_and_transforms_exist(features):
    assert len(set(feature_names(features))) == len(features)
    assert len({f.raw for f in features}) == len(features)
    assert {f.transform for f in features} <= set(TRANSFORMS)
    assert all(f.description for f in features)


def test_the_name_says_the_transform():
    assert Feature("pt", "GeV", "", "log").name == "pt_log"
    assert Feature("deta", "rad", "").name == "deta"


def test_hit_features_in_order():
    assert feature_names(HIT_FEATURES)[:7] == (
        "track_pt_log1p",
        "ecal_energy_log1p",
        "hcal_energy_log1p",
        "deta",
        "dphi",
        "track_laplacian_signed_log1p",
        "ecal_laplacian_signed_log1p",
    )
    assert len(HIT_FEATURES) == 5 + 3 * 4


def test_features_are_selected_in_the_wanted_order():
    chosen = select_features(
        CANDIDATE_FEATURES,
        ("deta", "pt", "own", "energy:log1p"),
        {name: 0 for name in ("pt", "energy", "deta", "own")},
    )
    assert feature_names(chosen) == ("deta", "pt_log", "own", "energy_log1p")
    assert [f.unit for f in chosen] == ["rad", "GeV", "", "GeV"]


def test_a_missing_quantity_is_named():
    with pytest.raises(InputError, match=re.escape("there is no input 'energy'; this sample has deta, pt")):
        select_features(CANDIDATE_FEATURES, ("energy",), {"pt": 0, "deta": 0})


def test_an_unknown_transform_is_named():
    message = "'pt:sqrt': the transform must be one of identity, log, log1p, signed_log1p, tanh, not 'sqrt'"
    with pytest.raises(InputError, match=re.escape(message)):
        select_features(CANDIDATE_FEATURES, ("pt:sqrt",), {"pt": 0})
