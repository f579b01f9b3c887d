from __future__ import annotations

import pytest

from e2e_tf.data.file_lists import expanded
from e2e_tf.errors import InputError


@pytest.fixture
def folder(tmp_path):
    """Two data files and a text in ``x``, one more data file in ``x/deeper``, one outside."""
    (tmp_path / "x" / "deeper").mkdir(parents=True)
    for name in ("x/b.root", "x/a.root", "x/deeper/c.root", "d.root", "x/.hidden.root"):
        (tmp_path / name).write_bytes(b"root....")
    (tmp_path / "x" / "README.md").write_text("about the files")
    return tmp_path


def test_files_patterns_folders_and_lists_of_them(folder):
    assert expanded(["d.root"], folder) == ("d.root",)
    assert expanded(["x/*.root"], folder) == ("x/a.root", "x/b.root")
    assert expanded(["**/*.root"], folder) == ("d.root", "x/a.root", "x/b.root", "x/deeper/c.root")
    assert expanded(["x"], folder) == ("x/a.root", "x/b.root", "x/deeper/c.root")
    assert expanded(["d.root", "x/[b].root"], folder) == ("d.root", "x/b.root")
    assert expanded([str(folder / "x/a.root")], folder) == (str(folder / "x/a.root"),)


def test_a_text_file_lists_paths_relative_to_itself(folder):
    (folder / "x" / "train.txt").write_text("# training\n\na.root\ndeeper/*.root\nhttps://host/z.root\n")
    assert expanded(["x/train.txt"], folder) == ("x/a.root", "x/deeper/c.root", "https://host/z.root")
    (folder / "empty.lst").write_text("# nothing\n")
    with pytest.raises(InputError, match="lists no file"):
        expanded(["empty.lst"], folder)


def test_marks_and_line_ends_of_windows_and_brackets_in_a_folder_are_no_part_of_a_path(folder):
    (folder / "x" / "windows.txt").write_bytes("\ufeffa.root\r\nb.root\r\n".encode())
    assert expanded(["x/windows.txt"], folder) == ("x/a.root", "x/b.root")
    (folder / "[v2] é").mkdir()
    (folder / "[v2] é" / "e f.root").write_bytes(b"root....")
    for base, names in ((folder / "[v2] é", ["*.root"]), (folder, ["[[]v2] é/*.root"])):
        assert [path.rpartition("/")[2] for path in expanded(names, base)] == ["e f.root"]


def test_what_lies_outside_of_the_base_has_a_whole_path(folder):
    assert expanded(["../d.root"], folder / "x") == ("../d.root",)
    assert expanded(["../*.root"], folder / "x") == (str(folder / "d.root"),)


def test_samples_addresses_and_missing_files_stay_as_they_are(folder):
    assert expanded(["tau", "root://host//a.root", "gone.root"], folder) == (
        "tau",
        "root://host//a.root",
        "gone.root",
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "needs at least one file"),
        (["y/*.root"], r"no file fits .*y/\*\.root"),
        (["empty"], "holds no data file"),
        (["x", "x/a.root"], "x/a.root is in the sample twice"),
    ],
)
def test_samples_without_files_or_with_a_file_twice_are_refused(folder, names, message):
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.md").write_text("nothing")
    with pytest.raises(InputError, match=message):
        expanded(names, folder)
