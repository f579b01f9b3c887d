import numpy as np
import pytest

from e2e_tf.data.images import Images
from e2e_tf.errors import InputError


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
