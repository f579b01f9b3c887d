import numpy as np

from e2e_tf.data.readers.ml4sci_top import count_ml4sci_top, read_ml4sci_top


def test_images(write_images, tmp_path):
    x = np.arange(2 * 8 * 2 * 2, dtype=float).reshape(2, 8, 2, 2)
    names = [f"channel_{i}" for i in range(8)]
    path = write_images(tmp_path / "t.parquet", x, pt=[500.0, 400.0], m0=[170.0, 20.0], y=[1.0, 0.0])
    assert count_ml4sci_top(path) == 2
    images = read_ml4sci_top(path, channels=names)
    np.testing.assert_array_equal(images.images, np.moveaxis(x, 1, -1))
    np.testing.assert_array_equal(images.label, [1, 0])
    np.testing.assert_allclose(images["mass"], [170, 20])


def test_mass_regression(write_images, tmp_path):
    x = np.ones((2, 2, 3, 3))
    columns = {"pt": [500.0, 400.0], "m": [170.0, 120.0], "ieta": [10.0, 20.0], "iphi": [30.0, 40.0]}
    path = write_images(tmp_path / "m.parquet", x, image="X_jet", **columns)
    images = read_ml4sci_top(path, channels=("a", "b"))
    assert images.label is None
    np.testing.assert_allclose(images.truth["mass"], [170, 120])
    np.testing.assert_array_equal(images["ieta"], [10, 20])
