from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.data.source import JetSource, SourceFile, SourcePart
from e2e_tf.data.source_changes import differences, part_for_file, relocated
from e2e_tf.errors import InputError


def of(*files, reader="pfnano", **options):
    return JetSource((SourcePart(tuple(SourceFile(*file) for file in files), reader, options),))


ONE = of(("a.root", "1" * 64), signal="b", columns=("x",))


@pytest.fixture(scope="module")
def files(tau_folder, tmp_path_factory):
    """A file of jets, and top-tagging jets as EnergyFlow has them (an npz file)."""
    folder = tmp_path_factory.mktemp("files")
    write_jets(folder / "own.h5", read_jets(tau_folder / "tau.h5").take(np.arange(5)))
    x = np.zeros((3, 2, 4))
    x[:, 0] = [500.0, 0.1, 0.2, 211]
    np.savez(folder / "ef.npz", X=x, y=np.array([1.0, 0.0, 1.0]))
    return folder


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (of(("a.root", "1" * 64), signal="b", columns=["x"]), None),
        (of(("q/a.root", "1" * 64), signal="b", columns=["x"]), None),  # moved
        (
            of(("a.root", "2" * 64), signal="b", columns=["x"]),
            "another a.root: its SHA-256 was 111111111111…, it is 222222222222… now",
        ),
        (
            of(("a.root", "1" * 64), reader="nano_jets", signal="b", columns=["x"]),
            "jets of another reader: it was 'pfnano', it is 'nano_jets' now",
        ),
        (
            of(("a.root", "1" * 64), signal="tau", columns=["x"]),
            "another option signal: it was 'b', it is 'tau' now",
        ),
        (of(("a.root", "1" * 64), signal="b"), "another option columns: it was ('x',), it is None now"),
        (of(("a", "1" * 64), ("b", "1" * 64)), "other files: they were 1, they are 2 now"),
        (
            replace(ONE, selection={"jet_pt": [1, 2]}),
            "another selection jet_pt: it was None, it is [1, 2] now",
        ),
        (
            replace(ONE, weights={"reweight_pt": True}),
            "another weight reweight_pt: it was None, it is True now",
        ),
        (
            JetSource((ONE.parts[0], replace(ONE.parts[0], name="qcd"))),
            "other samples: they were one, they are one, qcd now",
        ),
        (
            JetSource((replace(ONE.parts[0], settings={"class": 1}),)),
            "another setting class: it was None, it is 1 now",
        ),
        (
            JetSource((replace(ONE.parts[0], beside={"labels": SourceFile("y.npy", "1")}),)),
            "other files beside those",
        ),
    ],
)
def test_differences(now, message):
    assert differences(ONE, now) == ([] if message is None else [message])


def test_files_that_were_moved(tmp_path, monkeypatch):
    source = of(("a.root",), ("/data/b.root",), ("tau",))
    base = tmp_path / "p"
    assert relocated(source, {str(base): "/q"}, base)[1].as_posix() == "/q"
    moved, same = relocated(source, {"/data": "/disk/new", "a.root": "/disk/c.root"}, base)
    assert ([file.path for file in moved.files], same) == (["/disk/c.root", "/disk/new/b.root", "tau"], base)
    monkeypatch.chdir(tmp_path)  # where the old and the new path start
    assert relocated(source, {"p/a.root": "q/a.root"}, base)[0].files[0].path == str(
        tmp_path / "q" / "a.root"
    )
    assert relocated(source, {"p": "q"}, base) == (source, tmp_path / "q")
    with pytest.raises(
        InputError, match=r"--relocate: no file of the run lies in /dat; they are .*a\.root, /data/b"
    ):
        relocated(source, {"/dat": "/disk"}, base)


def test_another_file_is_read_as_those_of_the_run(files):
    trained = of(("a.npz",), reader="energyflow")
    part, note = part_for_file(trained, files / "ef.npz")
    assert (part.reader, part.options, note) == ("energyflow", {}, "")
    trained = of(("a.npz",), reader="padded", columns=["pt", "eta", "phi", "pid"], key="X")
    part, note = part_for_file(trained, files / "ef.npz", options={"key": "Y"})
    assert (part.reader, part.options) == ("padded", {"columns": ["pt", "eta", "phi", "pid"], "key": "Y"})
    assert note.endswith("key=Y); the run was trained on padded (columns=['pt', 'eta', 'phi', 'pid'], key=X)")
    part, note = part_for_file(trained, files / "ef.npz", "energyflow")
    assert (part.reader, part.options) == ("energyflow", {})  # the run's options are of another reader
    assert note.startswith(f"{files / 'ef.npz'} is read by energyflow; the run was trained on padded (")


def test_what_lies_beside_a_file_of_the_run_belongs_to_it_alone(files):
    with np.load(files / "ef.npz") as arrays:
        np.save(files / "x.npy", arrays["X"])
        np.save(files / "other.npy", arrays["X"][:2])
        np.save(files / "y.npy", arrays["y"])
    given = SourcePart((SourceFile("x.npy"),), "energyflow", {"labels": "y.npy"})
    trained = JetSource((given,)).located(files)
    part, note = part_for_file(trained, files / "x.npy", base=files)
    assert (part.options, note) == ({"labels": str(files / "y.npy")}, "")
    assert part_for_file(trained, files / "other.npy", base=files)[0].options == {}


def test_a_file_of_another_reader_is_refused_with_what_it_is(files):
    with pytest.raises(
        InputError,
        match=r"no file of the reader 'energyflow' .*; it can be read as e2e_tf: say so with --reader",
    ):
        part_for_file(of(("a.npz",), reader="energyflow"), files / "own.h5")
    with pytest.raises(InputError, match="there is no file nowhere"):
        part_for_file(ONE, type(files)("nowhere"))


def test_a_run_on_own_files_takes_any_format_and_says_so(files):
    part, note = part_for_file(of(("a.h5",), reader="e2e_tf"), files / "ef.npz")
    assert (part.reader, note) == (
        "energyflow",
        f"{files / 'ef.npz'} is read by energyflow; the run was trained on e2e_tf",
    )
    assert part_for_file(of(("a.h5",), reader="e2e_tf"), files / "own.h5")[1] == ""
    with pytest.raises(InputError, match="no file of the reader 'e2e_tf'"):
        part_for_file(of(("a.h5",), reader="e2e_tf", candidates="particle_flow"), files / "ef.npz")


def test_options_in_which_samples_differ_are_asked_for(files):
    parts = [SourcePart((SourceFile(f"{n}.hdf5"),), "padded", {"key": "X", "mask_key": n}) for n in "ab"]
    trained = JetSource(tuple(parts))
    with pytest.raises(InputError, match=r"different options 'mask_key' .*--option mask_key=VALUE"):
        part_for_file(trained, files / "ef.npz")
    part, _ = part_for_file(trained, files / "ef.npz", options={"mask_key": "m"})
    assert part.options == {"key": "X", "mask_key": "m"}
