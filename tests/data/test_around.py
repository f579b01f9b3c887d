import numpy as np
import pytest

from e2e_tf.data.around import cells_of_windows, leading_first, objects_around, rows_near, rows_of_jets
from e2e_tf.data.grid import PITCH, TOWER, window_corner

SEAM = np.pi - 0.1


def test_pairs_stay_in_their_event():
    jet, row = rows_of_jets(np.array([2, 0, 2, 1]), np.array([0, 2, 2]))
    assert list(zip(jet.tolist(), row.tolist(), strict=True)) == [(0, 1), (1, 0), (1, 2), (2, 0), (2, 2)]
    jet, row = rows_of_jets(np.zeros(0, np.int64), np.array([0, 2]))
    assert len(jet) == len(row) == 0


def test_either_place_counts():
    jets = (np.array([0]), np.array([0.0]), np.array([SEAM]))
    here, there = np.array([0.1, 0.9, 0.9]), np.array([0.9, -0.1, 0.9])
    phi = np.full(3, -SEAM)  # 0.2 away around the seam
    jet, row = rows_near(np.zeros(3, np.int64), [(here, phi), (there, phi)], jets)
    np.testing.assert_array_equal(jet, [0, 0])
    np.testing.assert_array_equal(row, [0, 1])


@pytest.mark.parametrize(
    ("kind", "columns", "order"),
    [
        ("track", {"pt": [1.0, 3.0, 2.0, 9.0]}, [1, 2, 0, 3]),
        ("ecal", {"energy": [1.0, 5.0, 3.0, 9.0], "eta": [0.0, 2.5, 0.1, 0.0]}, [2, 0, 1, 3]),
        ("pixel", {"layer": [2, 1, 1, 1], "deta": [0, 0.2, -0.1, 0], "dphi": [0, 0, 0, 0]}, [2, 1, 0, 3]),
        ("vertex", {"z": [0.0, 4.0, -3.0, 0.0]}, [0, 1, 2, 3]),
    ],
)
def test_order_within_a_jet(kind, columns, order):
    found = leading_first(kind, {k: np.array(v) for k, v in columns.items()}, np.array([0, 0, 0, 1]))
    np.testing.assert_array_equal(found, order)


def test_columns_become_relative_to_the_axis():
    jets = (np.array([7, 5, 9]), np.array([0.5, 0.0, 0.0]), np.array([SEAM, 1.0, 0.0]))
    columns = {
        "pt": [1.0, 4.0, 2.0],
        "eta": [0.6, 0.4, 0.0],
        "phi": [-SEAM, SEAM, 1.2],
        "eta_face": [0.7, 0.4, 2.0],
        "phi_face": [3.1, SEAM, 1.2],
        "charge": [1, -1, 1],
        "own": [10, 20, 30],
    }
    event = np.array([7, 7, 5])
    found = objects_around("track", event, {k: np.array(v) for k, v in columns.items()}, jets)
    np.testing.assert_array_equal(found.counts, [2, 1, 0])
    assert set(found.columns) == {"pt", "deta", "dphi", "deta_face", "dphi_face", "charge", "own"}
    np.testing.assert_array_equal(found["pt"], [4, 1, 2])
    np.testing.assert_allclose(found["deta"], [-0.1, 0.1, 0], atol=1e-7)
    np.testing.assert_allclose(found["dphi"], [0, 0.2, 0.2], atol=1e-6)
    np.testing.assert_allclose(found["deta_face"], [-0.1, 0.2, 2.0], atol=1e-7)
    np.testing.assert_array_equal(found["own"], [20, 10, 30])
    assert (found["pt"].dtype, found["charge"].dtype, found["own"].dtype) == (np.float32, np.int8, np.int64)


def test_a_jet_has_all_vertices_of_its_event():
    jets = (np.array([1, 0]), np.zeros(2), np.zeros(2))
    found = objects_around("vertex", np.array([0, 0, 1]), {"z": np.array([0.0, 2.0, 0.0])}, jets)
    np.testing.assert_array_equal(found.counts, [1, 2])
    np.testing.assert_array_equal(found["z"], [0, 0, 2])


def test_cells_of_windows_by_hand():
    # the middle of crystal 2 of η and φ; jets of two events have the same window, from crystal −60 on
    at = 2.5 * PITCH
    ieta, iphi = window_corner(np.full(2, at), np.full(2, at))
    deposits = np.array(
        [[3.0, at, at], [1.0, at, at + 0.1 * PITCH], [2.0, at - 62 * PITCH, at], [9.0, at, 2.0]]
    )
    found = cells_of_windows(np.array([5, 5, 5, 6]), deposits, np.array([6, 5]), ieta, iphi, 1)
    assert found.counts.tolist() == [0, 2]  # 2 rad are outside
    np.testing.assert_array_equal(found["cell"], [62, 62 * 125 + 62])
    np.testing.assert_allclose(found["value"], [2, 4])
    towers = cells_of_windows(np.array([5, 5, 5, 6]), deposits, np.array([6, 5]), ieta, iphi, TOWER)
    np.testing.assert_array_equal(towers["cell"], [12, 12 * 25 + 12])
