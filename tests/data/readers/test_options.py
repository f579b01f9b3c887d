from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import pytest

from e2e_tf.data.readers import READERS
from e2e_tf.data.readers.options import checked_options, reader_options
from e2e_tf.errors import InputError


def test_options_of_a_reader_from_text():
    items = [
        "channels=ecal, hcal,track",
        "split=test",
        "n=3",
        "flag=true",
        "x=0.5",
        "keys.pt=jet_pt",
        "keys.m=m",
    ]
    assert reader_options(items) == {
        "channels": ["ecal", "hcal", "track"],
        "split": "test",
        "n": 3,
        "flag": True,
        "x": 0.5,
        "keys": {"pt": "jet_pt", "m": "m"},
    }


@pytest.mark.parametrize("item", ["split", "=3", "a b=3", "keys.=x"])
def test_text_that_is_no_option(item):
    with pytest.raises(InputError, match=f"an option of a reader must be name=value, got {item!r}"):
        reader_options([item])


def test_a_value_and_a_table_of_one_name():
    with pytest.raises(InputError, match="the option keys is given as a value and as a table"):
        reader_options(["keys=1", "keys.pt=x"])


def read(
    path: str,
    *,
    signal: Sequence[str],
    kind: Literal["a", "b"] = "a",
    label: int | None = None,
    keys: Mapping[str, str] | None = None,
    start: int = 0,
    stop: int | None = None,
) -> None:
    """Stands for a reader."""


def test_values_come_as_the_reader_takes_them():
    found = checked_options("x", read, {"signal": "HToBB", "label": "none", "keys": {"pt": "p"}, "start": 3})
    assert found == {"signal": ["HToBB"], "label": None, "keys": {"pt": "p"}, "start": 3}
    text = checked_options(
        "x", read, {"signal": [], "label": "3"}
    )  # as a configuration may have it in quotes
    assert text["label"] == 3
    assert isinstance(text["label"], int)
    assert checked_options("x", read, {"signal": ("a", "b"), "label": 1}) == {
        "signal": ("a", "b"),
        "label": 1,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "it needs the option signal .a list of text., in data.options or as --option signal=VALUE"),
        ({"signal": [], "colour": 1}, "it has no option 'colour'; it has signal, kind, label, keys"),
        ({"signal": [], "kind": "c"}, "kind must be 'a' or 'b', not 'c'"),
        ({"signal": [], "label": "one"}, "label must be whole number or none, not 'one'"),
        ({"signal": 3}, "signal must be a list of text, not 3"),
        ({"signal": [], "keys": "pt"}, "keys must be a table or none, not 'pt'"),
    ],
)
def test_what_a_reader_does_not_take(options, message):
    with pytest.raises(InputError, match=f"the reader x cannot be called like that: {message}"):
        checked_options("x", read, options)


def test_the_types_of_every_reader_can_be_checked():
    """Each option of each reader, with a value of none of the types that readers have."""
    for reader in READERS.values():
        with pytest.raises(InputError, match="it has no option 'colour'"):
            checked_options(reader.name, reader.read, {"colour": 1})
