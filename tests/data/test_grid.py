"""The detector grid: positions, windows and angles at the seam."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e_tf.data.grid import (
    CRYSTALS,
    CRYSTALS_IN_PHI,
    PITCH,
    TOWER,
    TOWERS,
    cell_position,
    delta_phi,
    window_corner,
    wrapped_angle,
)

TURN = 2 * np.pi


def test_sizes_fit_together():
    assert (CRYSTALS, TOWERS, TOWER) == (125, 25, 5)
    assert pytest.approx(0.0174533, abs=1e-7) == PITCH
    assert CRYSTALS_IN_PHI % TOWER == 0  # towers close the ring too


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (0.5, 0.2, 0.3),
        (3.1, -3.1, 6.2 - 2 * np.pi),
        (-3.1, 3.1, 2 * np.pi - 6.2),
        (np.pi, 0.0, -np.pi),
        (-np.pi, 0.0, -np.pi),
    ],
)
def test_delta_phi_takes_the_short_way_round(a, b, expected):
    assert delta_phi(np.array(a), np.array(b)) == pytest.approx(expected, abs=1e-12)


def test_delta_phi_at_the_ends_of_its_range():
    turn = 2 * np.pi
    some = delta_phi(np.array([0, 3, 4, -4, 7]), 0.0)
    np.testing.assert_allclose(some, [0, 3, 4 - turn, turn - 4, 7 - turn])
    ends = np.array([np.pi, -np.pi, turn, -turn, 3 * np.pi, 0.0, np.nextafter(np.pi, 0)])
    np.testing.assert_array_equal(delta_phi(ends, 0.0)[[0, 1, 4]], -np.pi)
    np.testing.assert_array_equal(delta_phi(ends, 0.0)[[2, 3, 5]], 0.0)
    assert delta_phi(ends, 0.0)[6] < np.pi
    assert delta_phi(np.array(np.nextafter(-np.pi, -4)), 0.0) == np.pi  # as its docstring says


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_azimuths_from_0_to_2_pi_are_wrapped(dtype):
    phi = np.linspace(0, 2 * np.pi, 37, endpoint=False).astype(dtype)
    wrapped = delta_phi(phi, 0.0)
    assert wrapped.dtype == dtype
    assert wrapped.min() >= -dtype(np.pi)
    assert wrapped.max() <= dtype(np.pi)
    np.testing.assert_allclose(np.exp(1j * wrapped), np.exp(1j * phi), atol=1e-6)
    for axis in (0.1, 3.1, 6.2):  # of an axis in the same range, and of one wrapped already
        first, second = delta_phi(phi, dtype(axis)), delta_phi(wrapped, delta_phi(np.array(axis, dtype), 0.0))
        np.testing.assert_allclose(np.angle(np.exp(1j * (first - second))), 0, atol=2e-6)


def test_azimuths_are_wrapped_in_one_place():
    """What wraps by a remainder of 2π elsewhere is a second Δφ that drifts apart from the first."""
    root = Path(__file__).parents[2]
    folders = [root / name for name in ("e2e_tf", "tuning", "deploy", "studies", "benchmarks")]
    files = [path for folder in folders for path in folder.rglob("*.*") if "build" not in path.parts]
    sources = [path for path in files if path.suffix in {".py", ".hpp", ".h", ".cc", ".cpp"}]
    wraps = re.compile(
        r"% \(2 \* (np|math)\.pi\)|(fmod|remainder)\(.*(two_pi|2 \* \w*pi)|mod\(.*2 \* (np|math)\.pi"
    )
    found = {path.relative_to(root).as_posix() for path in sources if wraps.search(path.read_text("utf-8"))}
    # Turns of a helix are counted there, not a difference of two azimuths.
    turns = {"e2e_tf/data/helix.py", "e2e_tf/sim/layers.py", "deploy/cpp/include/e2e_tf/helix.hpp"}
    assert found == turns | {"e2e_tf/data/grid.py", "deploy/cpp/include/e2e_tf/angles.hpp"}


@pytest.mark.parametrize(
    ("eta", "phi", "ieta", "iphi"),
    [
        (0.0, 0.0, -60, 300),  # tower 0 in the middle: 12 towers of 5 crystals before it
        (0.08, 0.08, -60, 300),  # still tower 0, which ends at 0.0873
        (0.09, 0.09, -55, 305),
        (-0.01, -0.01, -65, 295),  # tower -1
        (1.0, np.pi, -60 + 55, 120),  # phi of pi begins tower 36: (36 - 12) * 5
        (0.0, -np.pi, -60, 120),  # the same tower from the other side
        (0.0, np.nextafter(np.pi, 0), -60, 115),  # just below pi: tower 35
    ],
)
def test_window_corner_by_hand(eta, phi, ieta, iphi):
    found = window_corner(np.array([eta]), np.array([phi]))
    assert [int(v[0]) for v in found] == [ieta, iphi]
    assert [v.dtype for v in found] == [np.int16, np.int16]


def test_cell_position_by_hand():
    eta, phi = cell_position(np.array([0, 60]), np.array([0, 60]), np.array([-60, -60]), np.array([300, 300]))
    np.testing.assert_allclose(eta, [-59.5 * PITCH, 0.5 * PITCH], rtol=1e-14)
    np.testing.assert_allclose(phi, [-59.5 * PITCH, 0.5 * PITCH], atol=1e-13)


@pytest.mark.parametrize("axis", [np.pi, -np.pi, 3.1, -3.1, 0.0])
def test_the_window_surrounds_its_axis_across_the_seam(axis):
    corner = window_corner(np.array([0.3]), np.array([axis]))
    row = np.arange(CRYSTALS)
    eta, phi = cell_position(row, row, corner[0][0], corner[1][0])
    assert np.all((phi >= -np.pi) & (phi < np.pi))
    offset = delta_phi(phi, np.full(CRYSTALS, axis))
    np.testing.assert_allclose(np.diff(offset), PITCH, rtol=1e-9)  # no jump at the seam
    assert abs(offset[62]) <= 2.5 * PITCH + 1e-12  # the axis lies in the middle tower
    assert abs(eta[62] - 0.3) <= 2.5 * PITCH


@given(st.floats(-2.5, 2.5), st.floats(-np.pi, np.pi))
def test_every_axis_lies_in_the_middle_tower(eta, phi):
    ieta, iphi = window_corner(np.array([eta]), np.array([phi]))
    assert ieta[0] % TOWER == 0
    assert iphi[0] % TOWER == 0
    assert 0 <= iphi[0] < CRYSTALS_IN_PHI
    middle_eta, middle_phi = cell_position(np.array([62]), np.array([62]), ieta, iphi)
    assert abs(middle_eta[0] - eta) <= 2.5 * PITCH + 1e-9
    assert abs(delta_phi(middle_phi, np.array([phi]))[0]) <= 2.5 * PITCH + 1e-9


def test_an_angle_of_any_range_is_wrapped_and_one_within_half_a_turn_keeps_its_bits():
    pi = np.float32(np.pi)
    inside = np.array([0, 1e-30, -1e-10, pi, -pi, 3.0], np.float32)
    assert wrapped_angle(inside).tobytes() == inside.tobytes()
    found = wrapped_angle(np.array([3.5, 6.0, -4.0, 7.0, np.nan, np.inf, np.nextafter(pi, np.float32(4))]))
    turned = [3.5 - TURN, 6.0 - TURN, -4.0 + TURN, 7.0 - TURN]
    np.testing.assert_allclose(found[:4], turned, atol=1e-6)
    assert np.isnan(found[4:6]).all()
    assert found[6] < -3.14
    assert found.dtype == np.float32
