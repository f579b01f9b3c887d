import h5py
import numpy as np
import pytest

from e2e_tf.data.readers.jetnet import count_jetnet, read_jetnet
from e2e_tf.errors import InputError


@pytest.fixture
def arrays():
    particles = np.zeros((2, 30, 4), np.float32)
    particles[0, :2] = [[0.1, -0.2, 0.6, 1], [0, 0, 0.4, 1]]
    particles[1, 1] = [0.3, 0.1, 1, 1]
    particles[1, 2] = [9, 9, 9, 0]  # padding may hold anything
    return {
        "particle_features": particles,
        "jet_features": np.array([[100, 1, 20, 2], [50, -1, 5, 1]], np.float32),
    }


def write(path, arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def test_hand_computed_jets(tmp_path, arrays):
    path = write(tmp_path / "g.hdf5", arrays)
    assert count_jetnet(path) == 2
    jets = read_jetnet(path, label=0)
    np.testing.assert_allclose(jets.candidates["pt"], [60, 40, 50])
    np.testing.assert_allclose(jets.candidates["deta"], [0.1, 0, 0.3])
    np.testing.assert_allclose(jets.candidates["energy"][0], 60 * np.cosh(1.1), rtol=1e-6)
    np.testing.assert_array_equal(jets["num_particles"], [2, 1])
    np.testing.assert_array_equal(jets.label, [0, 0])
    assert read_jetnet(path, label=None).label is None
    np.testing.assert_array_equal(read_jetnet(path, label=1, start=1).event, [1])


def test_bad_input(tmp_path, arrays):
    path = write(tmp_path / "g.hdf5", arrays)
    with pytest.raises(InputError, match="label must be 0, 1 or None"):
        read_jetnet(path, label="gluon")
    with pytest.raises(InputError, match=r"particle_features must have the shape \(2, N, 4\)"):
        read_jetnet(write(tmp_path / "s.hdf5", arrays | {"particle_features": np.zeros((2, 30, 3))}), label=0)
    arrays["jet_features"][0, 0] = -1
    path = write(tmp_path / "n.hdf5", arrays)
    with pytest.raises(InputError, match="pt must be finite and not negative"):
        read_jetnet(path, label=0)
    np.testing.assert_array_equal(read_jetnet(path, label=0, on_error="skip").event, [1])
    with pytest.raises(InputError, match="has no data set jet_features"):
        count_jetnet(write(tmp_path / "r.hdf5", {"particle_features": arrays["particle_features"]}))


def test_things_that_are_no_arrays_of_numbers(tmp_path, arrays):
    with h5py.File(tmp_path / "group.hdf5", "w") as file:
        file["jet_features/inner"], file["particle_features"] = [1], arrays["particle_features"]
    with pytest.raises(InputError, match="jet_features must be an array, it is a group"):
        count_jetnet(tmp_path / "group.hdf5")
    words = np.full((2, 4), b"word")
    with pytest.raises(InputError, match="jet_features must hold numbers"):
        read_jetnet(write(tmp_path / "words.hdf5", arrays | {"jet_features": words}), label=0)
