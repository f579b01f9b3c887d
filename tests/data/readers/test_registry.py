from pathlib import Path

import h5py
import numpy as np
import pytest

from e2e_tf.data.jets import Jets, write_jets
from e2e_tf.data.readers import READERS, open_reader
from e2e_tf.errors import InputError


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.fixture
def energyflow(tmp_path):
    x = np.ones((5, 3, 4))
    x[:, :, 3] = 22  # PDG numbers of photons
    return npz(tmp_path / "anything.npz", X=x, y=np.arange(5) % 2).rename(tmp_path / "wrong.root")


def test_content_counts_not_the_ending(energyflow):
    file = open_reader(energyflow)
    assert file.reader.name == "energyflow"
    assert file.count() == 5
    assert len(file.read(start=3)) == 2


def test_chunks_are_the_whole(energyflow):
    file = open_reader(energyflow)
    chunks = list(file.chunks(2))
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate([chunk.event for chunk in chunks]), file.read().event)
    with pytest.raises(InputError, match="size must be a positive number"):
        next(file.chunks(0))


@pytest.mark.parametrize(("shapes", "name"), [
    ([(200, 4)], "erum_top_tagging"), ([(20, 20)], "erum_spinodal"), ([(24, 24)], "erum_eos"),
    ([(9, 9, 80), (9, 9, 1)], "erum_airshower"), ([(100, 9), (100,)], "erum_belle"),
])  # fmt: skip
def test_erum_tasks(tmp_path, shapes, name):
    arrays = {f"X_train_{i}": np.zeros((2, *shape)) for i, shape in enumerate(shapes)}
    file = open_reader(npz(tmp_path / "x.npz", **arrays, y_train=np.array([0, 1])))
    assert file.reader.name == name
    assert [len(chunk) for chunk in file.chunks(1, split="train")] == [1, 1]


def test_hdf5_formats(tmp_path):
    contents = {
        "jetnet": {"particle_features": np.zeros((1, 30, 4)), "jet_features": np.zeros((1, 4))},
        "ml4sci_eg": {"X": np.zeros((1, 32, 32, 2)), "y": [1]},
        "top_tagging": {"table/block0_values": np.zeros((1, 2))},
        "cms_uds_g": {"cpf": [0], "npf": [0], "globalvars": [0], "is_gluon": [0]},
    }
    for name, arrays in contents.items():
        with h5py.File(tmp_path / f"{name}.x", "w") as file:
            for key, array in arrays.items():
                file[key] = array
        assert open_reader(tmp_path / f"{name}.x").reader.name == name


def test_parquet_images_are_told_apart_by_their_channels(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    for channels, name in ((3, "ml4sci_qg"), (8, "ml4sci_top")):
        table = pa.table(
            {"X_jets": np.zeros((2, channels, 2, 2)).tolist(), "pt": [1.0] * 2, "m0": [1.0] * 2, "y": [0, 1]}
        )
        pq.write_table(table, tmp_path / "x", row_group_size=1)
        assert open_reader(tmp_path / "x").reader.name == name
    with pytest.raises(InputError, match=r"the reader ml4sci_top cannot be called like that: .*channels"):
        open_reader(tmp_path / "x").read()


def test_own_files(tmp_path):
    one = np.ones(3, np.float32)
    jets = Jets(
        {"pt": one, "eta": one, "phi": one, "mass": one}, np.arange(3), one, np.array([0, 1, 1], np.int8)
    )
    write_jets(tmp_path / "own.h5", jets)
    file = open_reader(tmp_path / "own.h5")
    assert file.reader.name == "e2e_tf"
    np.testing.assert_array_equal(file.read(start=1, stop=2).event, [1])
    assert file.count() == 3


def test_errors(tmp_path, energyflow):
    with pytest.raises(InputError, match="there is no file"):
        open_reader(tmp_path / "absent")
    with pytest.raises(
        InputError, match="there is no reader 'jet'; there are: cms_uds_g, e2e_tf, e2e_tree, energyflow"
    ):
        open_reader(energyflow, "jet")
    with pytest.raises(InputError, match="is of no known format: it is npz with a, b"):
        open_reader(npz(tmp_path / "x.npz", a=[1], b=[2]))
    (tmp_path / "text").write_text("pt,eta")
    with pytest.raises(InputError, match="must be HDF5, ROOT, parquet, npz, npy or an iSpy archive"):
        open_reader(tmp_path / "text")


def test_every_reader_takes_the_same_options():
    import inspect

    for reader in READERS.values():
        parameters = inspect.signature(reader.read).parameters
        assert {"start", "stop", "on_error", "report"} <= set(parameters)
        assert parameters["on_error"].default == "stop"


@pytest.mark.shared_data
def test_real_files(shared_data):
    expected = {
        "ispy/TauParked_Run2012C_0.ig": "ispy",
        "cms_fullsim_jets/uds_vs_g.h5": "cms_uds_g",
        "energyflow/x10_sorted_12500.npy": "energyflow",
    }
    for name, reader in expected.items():
        assert open_reader(shared_data / name).reader.name == reader
    with pytest.raises(InputError, match="can be read as nano_jets, nano_taus, pfnano; say which one"):
        open_reader(shared_data / "nano" / "pfnano.root")
    with pytest.raises(InputError, match="can be read as nano_jets, nano_taus"):
        open_reader(shared_data / "nano" / "nano_dy.root")
    file = open_reader(shared_data / "nano" / "pfnano.root", "pfnano")
    assert sum(len(chunk) for chunk in file.chunks(4)) == 64


def test_a_reader_registers_itself(monkeypatch):
    from e2e_tf.data.readers import registry
    from e2e_tf.data.readers.content import Content

    monkeypatch.setattr(registry, "READERS", {})

    @registry.reader("mine", "my format", unit="images", count=len, accepts=lambda c: c.has("mine"))
    def read(path, *, start=0, stop=None, on_error="stop", report=None, colour="red"):
        return path

    found = registry.READERS["mine"]
    assert (found.name, found.description, found.unit) == ("mine", "my format", "images")
    assert found.read is read
    assert found.accepts(Content("npz", {"mine": None}))
    with pytest.raises(ValueError, match="there are two readers of the name 'mine'"):
        registry.reader("mine", "", count=len, accepts=bool)(read)
    with pytest.raises(TypeError, match="the reader other must take start, .*; it lacks on_error, report"):
        registry.reader("other", "", count=len, accepts=bool)(lambda path, start, stop: path)


def test_readers_come_in_the_order_of_the_alphabet():
    assert list(READERS) == sorted(READERS)
    assert len(READERS) == 23


def test_options_that_do_not_change_the_number_are_not_looked_at(tmp_path):
    arrays = {
        f"{a}_{s}": np.zeros((n, *shape)) for s, n in (("train", 3), ("test", 2)) for a, shape in (("y", ()),)
    }
    arrays |= {f"X_{s}_0": np.zeros((n, 20, 20)) for s, n in (("train", 3), ("test", 2))}
    file = open_reader(npz(tmp_path / "x.npz", **arrays))
    assert file.count(split="test", on_error="skip") == 2
    assert [len(chunk) for chunk in file.chunks(2, split="train")] == [2, 1]


def test_the_recipe_in_contributing_makes_a_reader(monkeypatch, tmp_path):
    from e2e_tf.data.readers import registry

    monkeypatch.setattr(registry, "READERS", {})
    text = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("## Add a reader")
    code = rest.partition("```python\n")[2].partition("```")[0]
    exec(compile(code, "CONTRIBUTING.md", "exec", dont_inherit=True), {"__name__": "mine"})
    with h5py.File(tmp_path / "a", "w") as file:
        file["pt"], file["signal"] = [20.0, -1.0, 30.0], [1, 0, 0]
    file = registry.open_reader(tmp_path / "a")
    assert (file.reader.name, file.count()) == ("mine", 3)
    jets = file.read(on_error="skip", start=1)
    np.testing.assert_array_equal(jets["pt"], [30])
    np.testing.assert_array_equal(jets.event, [2])
    with pytest.raises(InputError, match="pt must be finite and not negative"):
        file.read()
