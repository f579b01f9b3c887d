"""``KEY=VALUE``: what a value is read as, and what is refused."""

from __future__ import annotations

import pytest

from e2e_tf.changes import with_changes
from e2e_tf.errors import InputError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 1e-3),
        ("true", True),
        ("[8, 8]", [8, 8]),
        ('"tau"', "tau"),
        ("tau", "tau"),
        ("knn:8+delaunay", "knn:8+delaunay"),
        ("{ low = 0.0, high = 0.2 }", {"low": 0.0, "high": 0.2}),
        ("", ""),
        ("a = 3", "a = 3"),
        ("1\nseed = 2", "1\nseed = 2"),
    ],
)
def test_values_are_toml_or_text(text, value):
    assert with_changes({}, [f"a.b={text}"]) == {"a": {"b": value}}


def test_only_the_named_keys_change_and_the_last_change_counts():
    before = {"seed": 1, "training": {"epochs": 2, "batch_size": 16}}
    changed = with_changes(before, ["training.epochs = 3", "seed=5", "training.epochs=4", "tune.space.k=[8]"])
    assert changed == {
        "seed": 5,
        "training": {"epochs": 4, "batch_size": 16},
        "tune": {"space": {"k": [8]}},
    }
    assert before == {"seed": 1, "training": {"epochs": 2, "batch_size": 16}}


@pytest.mark.parametrize("change", ["training.epochs", "=3", ".epochs=3", "training.=3", "a..b=3", ""])
def test_what_is_no_change_is_refused(change):
    with pytest.raises(InputError, match=r"must be KEY=VALUE, such as training\.epochs=3, not "):
        with_changes({}, [change])


def test_a_value_is_no_section():
    with pytest.raises(InputError, match=r"'seed\.of\.split' cannot be set: 'seed' is 1 and no section"):
        with_changes({"seed": 1}, ["seed.of.split=2"])
