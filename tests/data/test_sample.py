from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets
from e2e_tf.errors import InputError


def jets(n: int = 2, **more) -> Jets:
    return Jets({"pt": np.ones(n)}, np.arange(2), np.ones(2), **more)


def test_a_column_is_taken_by_its_name():
    assert "pt" in jets()
    assert "mass" not in jets()
    np.testing.assert_array_equal(jets()["pt"], [1, 1])
    with pytest.raises(InputError, match="these jets have no column 'mass', they have pt"):
        jets()["mass"]
    images = Images(np.zeros((2, 3, 3, 1)), ("a",), np.arange(2), np.ones(2))
    with pytest.raises(InputError, match="these images have no column 'pt', they have none"):
        images["pt"]


@pytest.mark.parametrize(
    ("more", "wrong"),
    [({"n": 3}, "jets/pt"), ({"label": np.zeros(1)}, "label"), ({"truth": {"x": np.zeros(5)}}, "truth/x")],
)
def test_every_column_has_one_value_per_entry(more, wrong):
    with pytest.raises(InputError, match=rf"one entry per jet \(2\); these do not: {{'{wrong}': \d}}"):
        jets(**more)
