import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from e2e_tf.data.images import Images
from e2e_tf.data.readers.common import Report
from e2e_tf.data.readers.ml4sci_eg import count_ml4sci_eg, read_ml4sci_eg
from e2e_tf.data.readers.ml4sci_qg import count_ml4sci_qg, read_ml4sci_qg
from e2e_tf.data.readers.ml4sci_top import count_ml4sci_top, read_ml4sci_top
from e2e_tf.errors import InputError

RGB = ("ecal", "hcal", "track")


def write_eg(path, x, y):
    with h5py.File(path, "w") as file:
        file["X"], file["y"] = x, y
    return path


def write_jets(path, images, image="X_jets", **columns):
    """One jet per row group, as the public files are."""
    pq.write_table(pa.table({image: images.tolist()} | columns), path, row_group_size=1)
    return path


def qg(path, images=None, **changes):
    if images is None:
        images = np.arange(3 * 3 * 4 * 5, dtype=float).reshape(3, 3, 4, 5)
    columns = {"pt": [100.0, 50.0, 70.0], "m0": [10.0, 5.0, 7.0], "y": [0.0, 1.0, 0.0]}
    return write_jets(path, images, **(columns | changes))


def test_eg_images(tmp_path):
    x = np.zeros((3, 32, 32, 2), np.float32)
    x[0, 3, 4], x[2, 0, 0] = [1.5, -0.01], [2, 0]
    path = write_eg(tmp_path / "e.hdf5", x, np.array([1.0, 1.0, 0.0], np.float32))
    assert count_ml4sci_eg(path) == 3
    images = read_ml4sci_eg(path)
    assert images.channels == ("energy", "time")
    np.testing.assert_array_equal(images.images, x)
    np.testing.assert_array_equal(images.label, [1, 1, 0])
    np.testing.assert_array_equal(read_ml4sci_eg(path, signal="photon", start=1).label, [0, 1])
    report = Report()
    np.testing.assert_array_equal(read_ml4sci_eg(path, drop_empty=True, report=report).event, [0, 2])
    assert report.skipped == {"an image must not be all zeros": 1}


def test_eg_errors(tmp_path):
    x = np.zeros((2, 32, 32, 2), np.float32)
    x[1, 0, 0, 0] = np.nan
    path = write_eg(tmp_path / "e.hdf5", x, [1, 0])
    with pytest.raises(
        InputError, match="X must be finite; 1 of 2 images are not like that, the first is number 1"
    ):
        read_ml4sci_eg(path)
    assert len(read_ml4sci_eg(path, on_error="skip")) == 1
    with pytest.raises(InputError, match=r"X must have the shape \(2, 32, 32, 2\)"):
        read_ml4sci_eg(write_eg(tmp_path / "s.hdf5", x[..., :1], [1, 0]))
    with pytest.raises(InputError, match="signal must be 'electron' or 'photon'"):
        read_ml4sci_eg(path, signal="e")


def test_qg_images(tmp_path):
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


def test_qg_errors(tmp_path):
    path = qg(tmp_path / "qg.parquet")
    with pytest.raises(TypeError, match="channels"):
        read_ml4sci_qg(path)
    with pytest.raises(InputError, match="X_jets has 3 channels, 2 were named: ecal, hcal"):
        read_ml4sci_qg(path, channels=("ecal", "hcal"))
    with pytest.raises(InputError, match="channels must be the names"):
        read_ml4sci_qg(path, channels="ecal")
    with pytest.raises(InputError, match="has no column X_jets_LR; there are: X_jets, m0, pt, y"):
        read_ml4sci_qg(path, channels=RGB, image="X_jets_LR")
    path = qg(tmp_path / "n.parquet", pt=[100.0, -1.0, 70.0])
    with pytest.raises(InputError, match="pt must be finite and not negative"):
        read_ml4sci_qg(path, channels=RGB)
    np.testing.assert_array_equal(read_ml4sci_qg(path, channels=RGB, on_error="skip").event, [0, 2])
    uneven = pa.table({"X_jets": [[[[1.0, 2.0]], [[1.0]]]], "pt": [1.0], "m0": [1.0], "y": [1.0]})
    pq.write_table(uneven, tmp_path / "u.parquet")
    with pytest.raises(InputError, match="X_jets must have images of one size"):
        read_ml4sci_qg(tmp_path / "u.parquet", channels=("a", "b"))
    with pytest.raises(InputError, match="must hold lists of channels, rows and columns"):
        read_ml4sci_qg(qg(tmp_path / "f.parquet", np.zeros((3, 3))), channels=RGB)


def test_top_images(tmp_path):
    x = np.arange(2 * 8 * 2 * 2, dtype=float).reshape(2, 8, 2, 2)
    names = [f"channel_{i}" for i in range(8)]
    path = write_jets(tmp_path / "t.parquet", x, pt=[500.0, 400.0], m0=[170.0, 20.0], y=[1.0, 0.0])
    assert count_ml4sci_top(path) == 2
    images = read_ml4sci_top(path, channels=names)
    np.testing.assert_array_equal(images.images, np.moveaxis(x, 1, -1))
    np.testing.assert_array_equal(images.label, [1, 0])
    np.testing.assert_allclose(images["mass"], [170, 20])


def test_top_mass_regression(tmp_path):
    x = np.ones((2, 2, 3, 3))
    columns = {"pt": [500.0, 400.0], "m": [170.0, 120.0], "ieta": [10.0, 20.0], "iphi": [30.0, 40.0]}
    path = write_jets(tmp_path / "m.parquet", x, image="X_jet", **columns)
    images = read_ml4sci_top(path, channels=("a", "b"))
    assert images.label is None
    np.testing.assert_allclose(images.truth["mass"], [170, 120])
    np.testing.assert_array_equal(images["ieta"], [10, 20])


def test_images_check_themselves():
    x, event = np.zeros((2, 4, 4, 1), np.float32), np.arange(2)
    images = Images(
        x, ("a",), event, np.ones(2), columns={"pt": np.array([1.0, 2.0])}, label=np.array([0, 1])
    )
    np.testing.assert_array_equal(images.take(np.array([False, True]))["pt"], [2])
    with pytest.raises(InputError, match=r"images must have the shape \(n, H, W, 2\)"):
        Images(x, ("a", "b"), event, np.ones(2))
    with pytest.raises(InputError, match="one entry per image"):
        Images(x, ("a",), event, np.ones(3))
    with pytest.raises(InputError, match="channel names must differ"):
        Images(np.zeros((2, 4, 4, 2)), ("a", "a"), event, np.ones(2))
