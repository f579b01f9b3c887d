import h5py
import numpy as np
import pytest

from e2e_tf.data.readers.entries import Report
from e2e_tf.data.readers.ml4sci_eg import count_ml4sci_eg, read_ml4sci_eg
from e2e_tf.errors import InputError


def write(path, x, y):
    with h5py.File(path, "w") as file:
        file["X"], file["y"] = x, y
    return path


def test_images(tmp_path):
    x = np.zeros((3, 32, 32, 2), np.float32)
    x[0, 3, 4], x[2, 0, 0] = [1.5, -0.01], [2, 0]
    path = write(tmp_path / "e.hdf5", x, np.array([1.0, 1.0, 0.0], np.float32))
    assert count_ml4sci_eg(path) == 3
    images = read_ml4sci_eg(path)
    assert images.channels == ("energy", "time")
    np.testing.assert_array_equal(images.images, x)
    np.testing.assert_array_equal(images.label, [1, 1, 0])
    np.testing.assert_array_equal(read_ml4sci_eg(path, signal="photon", start=1).label, [0, 1])
    report = Report()
    np.testing.assert_array_equal(read_ml4sci_eg(path, drop_empty=True, report=report).event, [0, 2])
    assert report.skipped == {"an image must not be all zeros": 1}


def test_errors(tmp_path):
    x = np.zeros((2, 32, 32, 2), np.float32)
    x[1, 0, 0, 0] = np.nan
    path = write(tmp_path / "e.hdf5", x, [1, 0])
    with pytest.raises(
        InputError, match="X must be finite; 1 of 2 images are not like that, the first is number 1"
    ):
        read_ml4sci_eg(path)
    assert len(read_ml4sci_eg(path, on_error="skip")) == 1
    with pytest.raises(InputError, match=r"X must have the shape \(2, 32, 32, 2\)"):
        read_ml4sci_eg(write(tmp_path / "s.hdf5", x[..., :1], [1, 0]))
    with pytest.raises(InputError, match="signal must be 'electron' or 'photon'"):
        read_ml4sci_eg(path, signal="e")
