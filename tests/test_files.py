from __future__ import annotations

import hashlib
import os

import pytest

from e2e_tf.errors import InputError
from e2e_tf.files import new_file, new_folder, read_json, sha256, write_json


def test_sha256(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(os.urandom(3 << 20))
    assert sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_appears_when_it_is_complete(tmp_path):
    with new_file(tmp_path / "a.txt") as part:
        part.write_text("done")
        assert not (tmp_path / "a.txt").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "done"


def test_nothing_is_left_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), new_file(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise RuntimeError
    with pytest.raises(RuntimeError), new_folder(tmp_path / "b") as folder:
        (folder / "half").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_exists_stays_without_force(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(InputError, match=r"a\.txt exists already; .* --force"), new_file(path):
        pass
    with pytest.raises(RuntimeError), new_file(path, force=True) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    with new_file(path, force=True) as part:
        part.write_text("new")
    assert path.read_text() == "new"


def test_a_folder_is_replaced_only_by_a_complete_one(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(RuntimeError), new_folder(target, force=True) as part:
        (part / "new").write_text("new")
        raise RuntimeError
    assert [p.name for p in target.iterdir()] == ["old"]
    with new_folder(target, force=True) as part:
        (part / "new").write_text("new")
    assert [p.name for p in target.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_missing_parent(tmp_path):
    with (
        pytest.raises(InputError, match="the folder .*nowhere of a does not exist"),
        new_file(tmp_path / "nowhere" / "a"),
    ):
        pass


def test_permissions_are_the_usual_ones(tmp_path):
    old = os.umask(0o027)
    try:
        with new_file(tmp_path / "a") as part:
            part.write_text("")
        with new_folder(tmp_path / "b"):
            pass
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o750


def test_json_survives_and_replaces_in_one_step(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"ΔR": [0.1, None, True]})
    assert path.read_text("utf-8") == '{\n "ΔR": [\n  0.1,\n  null,\n  true\n ]\n}\n'
    assert read_json(path) == {"ΔR": [0.1, None, True]}
    write_json(path, [1, 2], indent=None)
    assert path.read_text() == "[1, 2]\n"
    with pytest.raises(InputError, match=r"a\.json exists already"):
        write_json(path, {}, force=False)
    with pytest.raises(TypeError):
        write_json(path, {"array": object()})
    assert read_json(path) == [1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b""])
def test_what_is_not_json_is_named(tmp_path, content):
    with pytest.raises(InputError, match=r"there is no .*a\.json"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json is not JSON \("):
        read_json(tmp_path / "a.json")
