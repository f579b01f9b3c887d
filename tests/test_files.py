from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from pathlib import Path

import pytest

from e2e_tf.errors import InputError
from e2e_tf.files import (
    followed,
    new_file,
    new_folder,
    new_subfolder,
    read_json,
    refuse_existing,
    sha256,
    write_json,
)


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


def nothing(_: Path) -> str:
    return ""


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_force_replaces_only_what_is_not_foreign(tmp_path):
    (tmp_path / "out").mkdir()
    asked = []

    def foreign(folder: Path) -> str:
        asked.append(folder)
        return "holds mine.txt, which nobody has written" if (folder / "mine.txt").exists() else ""

    with new_folder(tmp_path / "out", force=True, foreign=foreign) as part:
        (part / "a").write_text("1")
    assert asked == []  # an empty folder is nobody's
    with new_folder(tmp_path / "out", force=True, foreign=foreign) as part:
        (part / "b").write_text("2")
    assert listing(tmp_path) == ["out", "out/b"]
    (tmp_path / "out" / "mine.txt").write_text("mine")
    message = (
        r"out holds mine\.txt, which nobody has written; --force replaces only what this command has written"
    )
    with pytest.raises(InputError, match=message), new_folder(tmp_path / "out", force=True, foreign=foreign):
        raise AssertionError("not entered")
    assert listing(tmp_path) == ["out", "out/b", "out/mine.txt"]


def test_what_becomes_foreign_meanwhile_stays(tmp_path):
    with new_folder(tmp_path / "out"):
        pass

    def foreign(folder: Path) -> str:
        return "is not mine" if (folder / "mine.txt").exists() else ""

    with (
        pytest.raises(InputError, match="out is not mine"),
        new_folder(tmp_path / "out", force=True, foreign=foreign) as part,
    ):
        (part / "a").write_text("1")
        (tmp_path / "out" / "mine.txt").write_text("mine")
    assert listing(tmp_path) == ["out", "out/mine.txt"]


@pytest.mark.parametrize(("force", "before"), [(False, False), (True, False), (True, True)])
def test_of_two_writers_at_a_time_one_wins(tmp_path, force, before):
    """The other one starts while the first is at work and is done first."""
    target = tmp_path / "out"
    if before:
        with new_folder(target) as part:
            (part / "old").write_text("old")
    with (
        pytest.raises(
            InputError, match="out has been written by another process meanwhile; it stays as it is"
        ),
        new_folder(target, force, nothing) as slow,
    ):
        (slow / "slow").write_text("slow")
        with new_folder(target, force, nothing) as fast:
            (fast / "fast").write_text("fast")
    assert listing(tmp_path) == ["out", "out/fast"]  # and neither .part nor .old


def test_a_writer_that_comes_between_the_two_renames_wins(tmp_path, monkeypatch):
    target = tmp_path / "out"
    with new_folder(target) as part:
        (part / "old").write_text("old")
    rename = Path.replace

    def replace(self: Path, to: Path) -> Path:
        if self.suffix == ".part":  # the old folder has been moved away
            target.mkdir()
            (target / "fast").write_text("fast")
        return rename(self, to)

    monkeypatch.setattr(Path, "replace", replace)
    with (
        pytest.raises(InputError, match="written by another process meanwhile"),
        new_folder(target, force=True, foreign=nothing),
    ):
        pass
    assert listing(tmp_path) == ["out", "out/fast"]


def test_what_was_there_comes_back_where_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    target = tmp_path / "out"
    with new_folder(target) as part:
        (part / "old").write_text("old")
    rename = Path.replace

    def replace(self: Path, to: Path) -> Path:
        if self.suffix == ".part":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(to))
        return rename(self, to)

    monkeypatch.setattr(Path, "replace", replace)
    with (
        pytest.raises(InputError, match="out cannot be written: Permission denied"),
        new_folder(target, force=True, foreign=nothing),
    ):
        pass
    assert listing(tmp_path) == ["out", "out/old"]


def test_a_file_and_the_working_folder_are_not_replaced(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file is a file, not a folder"), new_folder(tmp_path / "file", True):
        pass
    (tmp_path / "work" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work" / "below")
    for path in (".", tmp_path / "work", Path("..")):
        with pytest.raises(InputError, match="holds the working folder"), new_folder(path, True):
            pass
    assert listing(tmp_path) == ["file", "work", "work/below"]


@pytest.mark.parametrize("new", [new_file, new_folder])
def test_a_folder_without_permission_is_one_sentence(tmp_path, monkeypatch, new):
    def refused(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    for name in ("mkstemp", "mkdtemp"):
        monkeypatch.setattr(tempfile, name, refused)
    with pytest.raises(InputError, match="a cannot be written: Permission denied$"), new(tmp_path / "a"):
        pass


@pytest.mark.parametrize("length", [250, 300])  # of which the first leaves no room for .part
@pytest.mark.parametrize("new", [new_file, new_folder])
def test_a_name_that_is_too_long_is_one_sentence(tmp_path, length, new):
    path = tmp_path / ("a" * length)
    with pytest.raises(InputError, match="a cannot be written: File name too long$"), new(path):
        pass
    assert listing(tmp_path) == []


def test_a_folder_that_cannot_be_read_is_one_sentence(tmp_path, monkeypatch):
    def refused(*_: object, **__: object) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "exists", refused)
    with pytest.raises(InputError, match="a cannot be written: Permission denied$"):
        refuse_existing(tmp_path / "a", force=False)


def test_a_folder_below_leaves_all_beside_it(tmp_path):
    root = tmp_path / "root"
    with new_subfolder(root, "a/b", False, nothing) as part:
        (part / "1").write_text("1")
    assert listing(root) == ["a", "a/b", "a/b/1"]
    with pytest.raises(InputError, match="root exists already"), new_subfolder(root, "c", False, nothing):
        pass
    for inner in ("a/b", "c/d"):
        with new_subfolder(root, inner, True, nothing) as part:
            (part / "2").write_text("2")
    assert listing(root) == ["a", "a/b", "a/b/2", "c", "c/d", "c/d/2"]
    with pytest.raises(RuntimeError), new_subfolder(root, "e/f/g", True, nothing):
        raise RuntimeError
    assert listing(root) == ["a", "a/b", "a/b/2", "c", "c/d", "c/d/2"]
    file = root / "a" / "b" / "2"
    with pytest.raises(InputError, match="2 is a file, not"), new_subfolder(file, "x", True, nothing):
        pass


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
    write_json(path, {1, 2}, indent=None, default=list)
    assert read_json(path) == [1, 2]
    with pytest.raises(TypeError):
        write_json(path, {"array": object()})
    assert read_json(path) == [1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.fixture
def elsewhere(tmp_path):
    """A folder on another disk where there is one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path, elsewhere):
    link = tmp_path / "scores.h5"
    link.symlink_to(elsewhere / "scores.h5")  # nothing is there yet
    with new_file(link) as part:
        part.write_text("one")
    assert link.is_symlink()
    assert (elsewhere / "scores.h5").read_text() == "one"
    with pytest.raises(InputError, match="scores.h5 exists already"), new_file(link):
        pass
    with new_file(link, force=True) as part:
        part.write_text("two")
    assert link.is_symlink()
    assert [path.read_text() for path in elsewhere.iterdir()] == ["two"]
    assert [path.name for path in tmp_path.iterdir() if not path.is_dir()] == ["scores.h5"]


@pytest.mark.parametrize(
    "make", [new_folder, lambda path, **o: new_subfolder(path, "x", o.get("force", False), str)]
)
def test_a_link_to_a_folder_stays(tmp_path, elsewhere, make):
    link = tmp_path / "bundle"
    link.symlink_to(elsewhere / "bundle")
    with make(link) as part:
        (part / "one").write_text("1")
    assert link.is_symlink()
    assert len(list((elsewhere / "bundle").rglob("one"))) == 1
    with pytest.raises(InputError, match="bundle exists already"), make(link):
        pass
    if make is new_folder:
        with make(link, force=True) as part:
            (part / "two").write_text("2")
        assert [path.name for path in (elsewhere / "bundle").iterdir()] == ["two"]
    assert link.is_symlink()
    assert [path.name for path in elsewhere.iterdir()] == ["bundle"]


def test_links_that_lead_nowhere_are_refused(tmp_path):
    (tmp_path / "lost").symlink_to(tmp_path / "absent" / "run")
    with (
        pytest.raises(InputError, match=r"the folder .*absent of run does not exist"),
        new_file(tmp_path / "lost"),
    ):
        pass
    (tmp_path / "mine").write_text("")
    assert followed(tmp_path / "mine") == tmp_path / "mine"
    assert followed(tmp_path / "none") == tmp_path / "none"
    (tmp_path / "again").symlink_to(tmp_path / "lost")
    assert followed(tmp_path / "again") == (tmp_path / "absent" / "run").resolve()


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b""])
def test_what_is_not_json_is_named(tmp_path, content):
    with pytest.raises(InputError, match=r"there is no .*a\.json"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json is not JSON \("):
        read_json(tmp_path / "a.json")
