from __future__ import annotations

import sys

import pytest

from e2e_tf.data.readers.checks import existing_file, need, need_shape, optional, readable
from e2e_tf.errors import InputError


def test_a_failure_of_a_library_is_one_sentence(tmp_path):
    with (
        pytest.raises(InputError, match=r"x cannot be read, it is truncated, damaged .* \(KeyError: 'a'\)"),
        readable(tmp_path / "x"),
    ):
        raise KeyError("a")
    with pytest.raises(InputError, match="^mine$"), readable(tmp_path / "x"):
        raise InputError("mine")
    with pytest.raises(InputError, match="there is no file .*x"):
        existing_file(tmp_path / "x")
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        existing_file(tmp_path)


def test_what_is_missing_and_what_is_there_is_listed(tmp_path):
    need(tmp_path, "branch", ["a"], iter("ab"))
    with pytest.raises(InputError, match="has no branch c, d; there are: a, b$"):
        need(tmp_path, "branch", ["c", "a", "d"], {"b", "a"})
    with pytest.raises(InputError, match="there are: none"):
        need(tmp_path, "branch", ["c"], [])
    with pytest.raises(InputError, match=", …$"):
        need(tmp_path, "branch", ["c"], map(str, range(50)))
    need_shape(tmp_path, "x", (7, 3), (None, 3), "(n, 3)")
    for shape in ((7,), (7, 2)):
        with pytest.raises(InputError, match=r"x must have the shape \(n, 3\), it has \(7,"):
            need_shape(tmp_path, "x", shape, (None, 3), "(n, 3)")


def test_an_absent_library_names_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "uproot", None)
    with pytest.raises(InputError, match=r"needs uproot, .* run 'pip install e2e-tf\[root\]'"):
        optional("uproot", "root", tmp_path)
