import numpy as np
import pytest

from e2e_tf.data.track_columns import impact_parameters, place_at_face, usual_errors, usual_pixel_hits


def test_impact_parameters_by_hand():
    # at φ = π/2: d0 = −x, and y is along the flight, so that dz = z − y sinh η
    vertex = np.array([0.1, -0.2, 5.0])
    point = vertex + np.array([[0.03, 0.0, 1.0], [0.03, 0.5, 1.0]])
    d0, dz = impact_parameters(np.full(2, np.pi / 2), np.array([0.0, 1.0]), point, vertex)
    np.testing.assert_allclose(d0, [-0.03, -0.03], atol=1e-12)
    np.testing.assert_allclose(dz, [1.0, 1.0 - 0.5 * np.sinh(1.0)], rtol=1e-12)
    d0, dz = impact_parameters(np.zeros(1), np.zeros(1), np.array([[0.5, 0.02, 1.0]]), np.zeros(3))
    assert (d0[0], dz[0]) == (pytest.approx(0.02), pytest.approx(1.0))


def test_place_at_the_face_by_hand():
    # the chord of 1.29 m turns by half of the angle that the circle of radius pT / (0.3 B) has over it
    half = np.arcsin(1.29 * 0.299792458 * 3.8 / (2 * 2.0))
    eta, phi = place_at_face(
        np.array([1, -1, 1]), np.full(3, 2.0), np.zeros(3), np.full(3, 3.0), np.zeros((3, 3))
    )
    np.testing.assert_allclose(eta, 0, atol=1e-12)
    np.testing.assert_allclose(np.cos(phi), np.cos([3 - half, 3 + half, 3 - half]), rtol=1e-9)
    # an endcap: the arc up to z = 3.17 m is 3.17 / sinh η, and the angle turned is arc / R
    eta, phi = place_at_face(np.ones(1), np.full(1, 5.0), np.full(1, 2.0), np.zeros(1), np.zeros((1, 3)))
    arc, turn = 3.17 / np.sinh(2.0), 0.299792458 * 3.8 / 5.0
    chord = 2 / turn * np.sin(arc * turn / 2)
    assert eta[0] == pytest.approx(np.arcsinh(3.17 / chord))
    assert phi[0] == pytest.approx(-arc * turn / 2)


def test_what_curls_without_moving_along_keeps_its_direction():
    eta, phi = place_at_face(np.ones(1), np.full(1, 0.3), np.zeros(1), np.full(1, 1.0), np.zeros((1, 3)))
    assert (eta[0], phi[0]) == (0.0, 1.0)


def test_usual_errors_are_the_published_ones():
    d0, dz = usual_errors(np.array([1.0, 10.0, 100.0]), np.zeros(3))
    np.testing.assert_allclose(1e4 * d0, [87, 19.5, 12.75])  # µm; the paper says about 90, 20 and 10
    np.testing.assert_allclose(1e4 * dz, [120, 39, 30.9])


@pytest.mark.parametrize(
    ("eta", "z", "d0", "hits"),
    [
        (0.0, 0.0, 0.0, 3),
        (0.0, 0.0, 5.0, 2),  # born beyond the first layer
        (0.0, 27.0, 0.0, 0),  # beside the barrel
        (1.5, 0.0, 0.0, 3),  # 10.2 sinh 1.5 = 21.7 cm; at 34.5 cm it is at 16.2 cm
        (2.0, 0.0, 0.0, 4),  # 7.3 sinh 2 = 26.48 cm; both discs between 9 and 13 cm
        (-2.0, 0.0, 0.0, 4),
        (
            2.5,
            0.0,
            0.0,
            1,
        ),  # 4.4 sinh 2.5 = 26.6 cm; 5.7 cm at the first disc, inside of its ring, and 7.7 cm
    ],
)
def test_pixel_layers_on_the_way(eta, z, d0, hits):
    found = usual_pixel_hits(np.array([eta]), np.array([z]), np.array([d0]))
    assert found.dtype == np.uint8
    assert found[0] == hits
