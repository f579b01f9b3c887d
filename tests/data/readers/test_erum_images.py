import numpy as np
import pytest

from e2e_tf.data.readers import erum
from e2e_tf.data.readers.erum_images import read_erum_airshower, read_erum_eos, read_erum_spinodal
from e2e_tf.errors import InputError


def test_spinodal(write_splits, tmp_path):
    x = np.random.default_rng(0).random((3, 20, 20))
    path = write_splits(tmp_path / "2.npz", X_0=x, y=np.array([0, 1, 1]))
    images = read_erum_spinodal(path, start=1)
    np.testing.assert_allclose(images.images[..., 0], x[1:], rtol=1e-6)
    np.testing.assert_array_equal(images.label, [1, 1])


def test_eos_scales_with_the_training_split(tmp_path, monkeypatch):
    monkeypatch.setattr(erum, "_CHUNK", 2)  # several chunks must give one scale
    rng = np.random.default_rng(1)
    train, test = 1000 + rng.random((5, 24, 24)), rng.random((2, 24, 24))
    train[:, 0, 0] = test[:, 0, 0] = 7
    path = tmp_path / "3.npz"
    np.savez(path, X_train_0=train, y_train=np.arange(5) % 2, X_test_0=test, y_test=[0, 1])
    sigma = train.std(axis=0)
    sigma[0, 0] = 1
    expected = (test - train.mean(axis=0)) / sigma
    images = read_erum_eos(path, split="test", start=1)
    np.testing.assert_allclose(images.images[0, ..., 0], expected[1], rtol=1e-5)
    assert images.images[0, 0, 0, 0] == 0
    raw = read_erum_eos(path, split="test", standardise=False)
    np.testing.assert_allclose(raw.images[..., 0], test, rtol=1e-6)


def test_airshower(write_splits, tmp_path):
    signal, time = np.full((2, 9, 9, 80), -1.0), np.full((2, 9, 9, 1), -1.0)
    signal[0, 0, 0, :2] = [9, 99]
    time[0, 0, 0], time[0, 1, 1], time[1, 2, 2] = 3, 5, 8
    path = write_splits(
        tmp_path / "4.npz", X_0=signal, X_1=time, X_2=np.zeros((81, 3)), y=np.array([700.0, 650.0])
    )
    images = read_erum_airshower(path, split="test")
    assert images.channels[-1] == "arrival_time"
    assert images.label is None
    np.testing.assert_allclose(images.truth["xmax"], [700, 650])
    np.testing.assert_allclose(images.images[0, 0, 0, :3], [1, 2, 0])
    spread = np.sqrt(2 / 3)  # of −1, 1 and 0
    np.testing.assert_allclose(images.images[0, 0, 0, -1], -1 / spread, rtol=1e-6)
    np.testing.assert_allclose(images.images[0, 1, 1, -1], 1 / spread, rtol=1e-6)
    assert images.images[1, 2, 2, -1] == 0
    raw = read_erum_airshower(path, preprocess=False)
    assert raw.images[0, 3, 3, 0] == -1
    path = write_splits(tmp_path / "old.npz", X_0=signal, X_1=time, y=np.array([1, 0]))
    np.testing.assert_array_equal(read_erum_airshower(path).label, [1, 0])


def test_errors(write_splits, tmp_path):
    path = write_splits(tmp_path / "2.npz", X_0=np.zeros((2, 20, 20)), y=np.array([0, 1]))
    with pytest.raises(
        InputError, match=r"X_train_0 must have the shape \(n, 24, 24\) with n = 2, it has \(2, 20, 20\)"
    ):
        read_erum_eos(path, standardise=False)
    with pytest.raises(InputError, match="has no array X_train_1"):
        read_erum_airshower(path)
    bad = np.zeros((2, 20, 20))
    bad[1, 0, 0] = np.nan
    path = write_splits(tmp_path / "n.npz", X_0=bad, y=np.array([0, 1]))
    with pytest.raises(InputError, match="X_0 must be finite"):
        read_erum_spinodal(path)
    assert len(read_erum_spinodal(path, on_error="skip")) == 1
