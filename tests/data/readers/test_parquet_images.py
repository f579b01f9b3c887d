import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.parquet_images import is_labelled, named_channels, read_image_rows
from e2e_tf.errors import InputError


def test_rows_have_channels_last_and_their_numbers(write_images, tmp_path):
    x = np.arange(5 * 2 * 3 * 4, dtype=float).reshape(5, 2, 3, 4)
    path = write_images(tmp_path / "a", x, pt=[1.0, 2.0, 3.0, 4.0, 5.0])
    found, images, columns, first = read_image_rows(path, "X_jets", ["pt"], ("a", "b"), 1, 3)
    assert (found, first) == (path, 1)
    np.testing.assert_array_equal(images, np.moveaxis(x[1:3], 1, -1))
    assert images.dtype == np.float32
    np.testing.assert_array_equal(columns["pt"], [2, 3])


@pytest.mark.parametrize("channels", ["ecal", (), ("a", "a")])
def test_channels_are_names_each_once(channels):
    assert named_channels(["a", "b"]) == ("a", "b")
    with pytest.raises(InputError, match="channels must be the names of the image's channels in order"):
        named_channels(channels)


def test_images_of_other_shapes_are_refused(write_images, tmp_path):
    uneven = pa.table({"X_jets": [[[[1.0, 2.0]], [[1.0]]]]})
    pq.write_table(uneven, tmp_path / "u.parquet")
    with pytest.raises(InputError, match="X_jets must have images of one size"):
        read_image_rows(tmp_path / "u.parquet", "X_jets", [], ("a", "b"), 0, None)
    path = write_images(tmp_path / "f.parquet", np.zeros((3, 3)))
    with pytest.raises(InputError, match="must hold lists of channels, rows and columns"):
        read_image_rows(path, "X_jets", [], ("a",), 0, None)
    path = write_images(tmp_path / "c.parquet", np.zeros((3, 3, 2, 2)))
    with pytest.raises(InputError, match="X_jets has 3 channels, 2 were named: a, b"):
        read_image_rows(path, "X_jets", [], ("a", "b"), 0, None)


def test_a_labelled_file_is_parquet_with_all_columns():
    names = dict.fromkeys(("X_jets", "m0", "pt", "y"))
    assert is_labelled(Content("parquet", names))
    assert not is_labelled(Content("npz", names))
    assert not is_labelled(Content("parquet", dict.fromkeys(("X_jets", "m0", "pt"))))
