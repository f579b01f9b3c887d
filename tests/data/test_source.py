from __future__ import annotations

import json

import numpy as np
import pytest

from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.data.source import JetSource, SourceFile, SourcePart, locate, read_file
from e2e_tf.errors import InputError
from e2e_tf.files import sha256


def of(*paths, reader="", **options):
    return JetSource((SourcePart(tuple(map(SourceFile, paths)), reader, options),))


@pytest.fixture
def folder(tau_folder, tmp_path):
    """Two files of jets, of 30 and of 20."""
    jets = read_jets(tau_folder / "tau.h5")
    write_jets(tmp_path / "a.h5", jets.take(np.arange(30)))
    write_jets(tmp_path / "b.h5", jets.take(np.arange(30, 50)))
    return tmp_path


@pytest.fixture
def pair(tmp_path):
    """EnergyFlow jets as two npy files."""
    x = np.zeros((3, 2, 4))
    x[:, 0] = [500.0, 0.1, 0.2, 211]
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", np.array([1.0, 0.0, 1.0]))
    return tmp_path


def test_what_files_are_is_found_and_survives_json(folder):
    source = of("a.h5", str(folder / "b.h5")).located(folder)
    (part,) = source.parts
    assert part.reader == "e2e_tf"
    assert [file.path for file in part.files] == ["a.h5", "b.h5"]  # relative where they can be
    assert [file.sha256 for file in part.files] == [sha256(folder / "a.h5"), sha256(folder / "b.h5")]
    assert JetSource.from_dict(json.loads(json.dumps(source.to_dict()))) == source


def test_the_name_of_a_shipped_sample_is_a_path():
    assert locate("tau", sample_path("tau").parent / "nowhere") == sample_path("tau")
    assert of("tau").located(sample_path("tau").parent).files[0].path == "tau"


def test_files_are_read_in_order(folder):
    read = of("b.h5", "a.h5").located(folder).read(folder)
    parts = [read_jets(folder / name)["pt"] for name in ("b.h5", "a.h5")]
    np.testing.assert_array_equal(read["pt"], np.concatenate(parts))
    alone = of("b.h5", reader="jets").located(folder)  # the old name of the reader
    assert alone.parts[0].reader == "e2e_tf"
    np.testing.assert_array_equal(alone.read(folder)["pt"], parts[0])


def test_the_selection(folder):
    source = JetSource(of("a.h5").parts, selection={"jet_pt": [20, 30]})
    jets = source.read(folder)
    keep = source.selected(jets)
    assert 0 < keep.sum() < 30
    np.testing.assert_array_equal(keep, (jets["pt"] >= 20) & (jets["pt"] < 30))
    assert of("a.h5").selected(jets).all()


def test_files_that_an_option_names_lie_beside_the_configuration(pair, monkeypatch):
    (pair / "elsewhere").mkdir()
    monkeypatch.chdir(pair / "elsewhere")
    source = of("x.npy", reader="energyflow", labels="y.npy").located(pair)
    (part,) = source.parts
    assert part.options == {}
    assert part.beside == {"labels": SourceFile("y.npy", sha256(pair / "y.npy"))}
    assert source.read(pair).label.tolist() == [1, 0, 1]
    assert source.located(pair) == source
    (pair / "y.npy").unlink()
    assert source.missing(pair) == [pair / "y.npy"]
    with pytest.raises(
        InputError, match=r"there is no sample .*y\.npy; if it was moved, --relocate OLD=NEW of"
    ):
        source.located(pair)


def test_what_identifies_one_file_or_several(folder):
    one, two = of("a.h5").located(folder), of("a.h5", "b.h5").located(folder)
    assert one.identity() == {"sample": "a.h5", "file": "a.h5", "sha256": sha256(folder / "a.h5")}
    assert two.identity()["sample"] == ["a.h5", "b.h5"]
    assert (one.title, two.title) == ("a.h5", "a.h5 and 1 more")


def test_a_damaged_file_of_jets_is_explained_by_its_reader(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"a\.h5"):
        read_file(tmp_path / "a.h5")
    with pytest.raises(InputError, match="there is no reader 'nope'"):
        read_file(tmp_path / "a.h5", "nope")
