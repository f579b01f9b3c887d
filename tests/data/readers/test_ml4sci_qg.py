import numpy as np
import pytest

from e2e_tf.data.readers.ml4sci_qg import count_ml4sci_qg, read_ml4sci_qg
from e2e_tf.errors import InputError

RGB = ("ecal", "hcal", "track")


@pytest.fixture
def qg(write_images):
    def write(path, images=None, **changes):
        if images is None:
            images = np.arange(3 * 3 * 4 * 5, dtype=float).reshape(3, 3, 4, 5)
        columns = {"pt": [100.0, 50.0, 70.0], "m0": [10.0, 5.0, 7.0], "y": [0.0, 1.0, 0.0]}
        return write_images(path, images, **(columns | changes))

    return write


def test_images(qg, tmp_path):
    path = qg(tmp_path / "qg.parquet")
    assert count_ml4sci_qg(path) == 3
    images = read_ml4sci_qg(path, channels=RGB)
    assert images.images.shape == (3, 4, 5, 3)
    assert images.images[1, 2, 3, 1] == 60 + 20 + 2 * 5 + 3
    np.testing.assert_array_equal(images.label, [1, 0, 1])
    np.testing.assert_array_equal(read_ml4sci_qg(path, channels=RGB, signal="gluon").label, [0, 1, 0])
    np.testing.assert_allclose(images["mass"], [10, 5, 7])
    one = read_ml4sci_qg(path, channels=RGB, start=1, stop=2)
    np.testing.assert_array_equal(one.event, [1])
    np.testing.assert_array_equal(one.images, images.images[1:2])
    assert len(read_ml4sci_qg(path, channels=RGB, start=9)) == 0


def test_errors(qg, tmp_path):
    path = qg(tmp_path / "qg.parquet")
    with pytest.raises(TypeError, match="channels"):
        read_ml4sci_qg(path)
    with pytest.raises(InputError, match="X_jets has 3 channels, 2 were named: ecal, hcal"):
        read_ml4sci_qg(path, channels=("ecal", "hcal"))
    with pytest.raises(InputError, match="has no column X_jets_LR; there are: X_jets, m0, pt, y"):
        read_ml4sci_qg(path, channels=RGB, image="X_jets_LR")
    path = qg(tmp_path / "n.parquet", pt=[100.0, -1.0, 70.0])
    with pytest.raises(InputError, match="pt must be finite and not negative"):
        read_ml4sci_qg(path, channels=RGB)
    np.testing.assert_array_equal(read_ml4sci_qg(path, channels=RGB, on_error="skip").event, [0, 2])
