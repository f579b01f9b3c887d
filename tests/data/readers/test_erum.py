import numpy as np
import pytest

from e2e_tf.data.readers import erum
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.erum import count_erum, event_numbers, is_erum, read_rows, training_rows
from e2e_tf.errors import InputError


@pytest.fixture
def path(write_splits, tmp_path):
    x = np.arange(10.0).reshape(5, 2)
    return write_splits(
        tmp_path / "a.npz", X_train_0=x, X_test_0=x[:3], y_train=np.arange(5), y_test=np.ones((3, 1))
    )


def test_a_range_of_one_split(path):
    assert (count_erum(path), count_erum(path, "test")) == (5, 3)
    found, (x,), y, first = read_rows(path, "test", ((2,),), 1, 9)
    assert (found, first) == (path, 1)
    np.testing.assert_array_equal(x, [[2, 3], [4, 5]])
    np.testing.assert_array_equal(y, [1, 1])  # a column is flattened
    np.testing.assert_array_equal(event_numbers("test", np.array([1, 2])), [2**40 + 1, 2**40 + 2])
    np.testing.assert_array_equal(event_numbers("train", np.array([1, 2])), [1, 2])


def test_training_rows_come_in_pieces(path, monkeypatch):
    monkeypatch.setattr(erum, "_CHUNK", 2)
    pieces = list(training_rows(path, 0))
    assert [len(piece) for piece in pieces] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(pieces), np.arange(10).reshape(5, 2))


def test_the_shape_of_an_entry_tells_the_task():
    def content(*shape):
        return Content("npz", {"X_train_0": (7, *shape), "y_train": (7,)})

    assert is_erum((None, 4), content(200, 4))
    assert not is_erum((None, 4), content(200, 9))
    assert not is_erum((None, 4), content(4))
    assert not is_erum((20, 20), content(24, 24))
    assert not is_erum((None, 4), Content("npz", {"X_train_0": (7, 200, 4)}))


def test_errors(path, write_splits, tmp_path):
    with pytest.raises(InputError, match="split must be 'train' or 'test', not 'val'"):
        count_erum(path, "val")
    with pytest.raises(
        InputError, match=r"X_train_0 must have the shape \(n, any, 4\) with n = 5, it has \(5, 2\)"
    ):
        read_rows(path, "train", ((None, 4),), 0, None)
    with pytest.raises(InputError, match="has no array X_train_1"):
        read_rows(path, "train", ((2,), (2,)), 0, None)
    words = write_splits(tmp_path / "w.npz", X_0=np.array([["a", "b"]]), y=np.array([1]))
    with pytest.raises(InputError, match="X_train_0 must hold numbers"):
        read_rows(words, "train", ((2,),), 0, None)
