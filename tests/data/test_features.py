"""Names, transforms and the choice of features."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from e2e_tf.data.features import (
    CANDIDATE_FEATURES,
    CANDIDATES,
    CHANNELS,
    HIT_ENERGIES,
    HIT_FEATURES,
    HITS,
    JET_FEATURES,
    PARTICLE_KINDS,
    TRANSFORMS,
    Feature,
    feature_names,
    from_axis,
    pixel_table,
    select_features,
    transformed,
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
    with pytest.raises(InputError, match="each input can be taken once, received pt, deta, pt:log"):
        select_features(CANDIDATE_FEATURES, ("pt", "deta", "pt:log"), {"pt": 0, "deta": 0})


def test_an_unknown_transform_is_named():
    message = "'pt:sqrt': the transform must be one of identity, log, log1p, signed_log1p, tanh, not 'sqrt'"
    with pytest.raises(InputError, match=re.escape(message)):
        select_features(CANDIDATE_FEATURES, ("pt:sqrt",), {"pt": 0})


def test_a_feature_is_made_in_one_file_of_each_language():
    """What CONTRIBUTING says: to add one touches a file in Python, one in C++ and, for a column, deploy/cmssw.py."""
    root = Path(__file__).parents[2]
    homes = {"e2e_tf/data/features.py", "deploy/cpp/include/e2e_tf/features.hpp"}
    endings = {".py", ".hpp", ".h", ".cc", ".cpp"}
    files = [
        path
        for path in [*(root / "e2e_tf" / "data").glob("*.py"), *(root / "deploy").rglob("*.*")]
        if path.suffix in endings
        and "build" not in path.parts
        # Tables of their own, of objects of which some share these names.
        and path.name not in ("detector_features.py", "detector.hpp")
    ]
    names = [q.feature.raw for q in CANDIDATES if q.formula is not None] + [*HIT_ENERGIES]
    names += [
        q.feature.raw
        for q in HITS
        if q.feature.raw.startswith(CHANNELS) and q.feature.raw not in HIT_ENERGIES
    ]
    found = {
        path.relative_to(root).as_posix()
        for path in files
        if any(f'"{name}"' in path.read_text("utf-8") for name in names)
    }
    assert found == homes


def quantity(name):
    return next(q for q in CANDIDATES if q.feature.raw == name)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("pt_fraction", ([2.0, 3.0], [4.0, 0.0]), [0.5, 3e6]),  # a jet without pT counts as one of 1e-6 GeV
        ("delta_r", ([3.0, 0.0], [4.0, -1.0]), [5.0, 1.0]),
        ("is_photon", ([22, -22, 211],), [1, 1, 0]),
        ("is_charged_hadron", ([-211, 321, 0],), [1, 0, 0]),
        ("d0_significance", ([1.0, -3.0, 5.0, np.inf], [0.5, 1.5, 0.0, np.inf]), [2.0, -2.0, 0.0, np.nan]),
    ],
)
def test_formulas_of_candidates_by_hand(name, arguments, expected):
    values = quantity(name).formula(*(np.array(a, np.float32) for a in arguments))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_which_columns_a_formula_takes_keeps_and_uses_up():
    for kind in PARTICLE_KINDS:
        flag = quantity(f"is_{kind}")
        assert (flag.sources, flag.uses_up, flag.keeps) == (("pdg_id",), ("pdg_id",), True)
    assert (quantity("pt_fraction").sources, quantity("pt_fraction").jet_sources) == (("pt",), ("pt",))
    assert quantity("dz_significance").uses_up == ("dz_error",)


def test_lists_of_channels_and_energies():
    assert CHANNELS == ("track", "ecal", "hcal")
    assert HIT_ENERGIES == ("track_pt", "ecal_energy", "hcal_energy")
    names = [q.feature.raw for q in pixel_table(("a", "b"))]
    assert names[:6] == ["a", "b", "drow", "dcolumn", "a_laplacian", "b_laplacian"]
    assert len(names) == 4 + 2 * 4


def test_distances_to_an_axis_wrap_in_phi():
    deta, dphi = from_axis(np.array([[1.0, 3.1]]), np.array([[0.5, -3.1]]))
    assert (deta[0], dphi[0]) == pytest.approx((0.5, 6.2 - 2 * np.pi))


def test_transformed_values_are_float32():
    values = transformed(Feature("pt", "GeV", "", "log"), np.array([1, 0], np.int16))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, [0, np.log(1e-6)], rtol=1e-6)
