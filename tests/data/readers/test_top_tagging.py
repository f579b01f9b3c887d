import h5py
import numpy as np
import pytest

from e2e_tf.data.readers.top_tagging import count_top_tagging, read_top_tagging
from e2e_tf.errors import InputError

FLOATS = [f"{c}_{i}" for i in range(200) for c in ("E", "PX", "PY", "PZ")] + [
    "truthE",
    "truthPX",
    "truthPY",
    "truthPZ",
]
INTEGERS = ["ttv", "is_signal_new"]


@pytest.fixture
def blocks():
    values = np.zeros((3, 804), np.float32)
    values[0, :8] = [5, 3, 0, 4, 10, 0, 6, 8]
    values[1, :4] = [2, 0, -2, 0]
    values[0, 800:] = [200, 1, 2, 3]
    return values, np.array([[0, 1], [1, 0], [2, 0]])


def pickled(names):
    """What PyTables stores for a list of names: a pickle of protocol 0."""
    lines = "".join(f"V{name}\np{i}\na" for i, name in enumerate(names, 1))
    return np.bytes_(f"(lp0\n{lines}.".encode())


def fixed(path, blocks, names=(FLOATS, INTEGERS)):
    with h5py.File(path, "w") as file:
        group = file.create_group("table")
        group.attrs["pandas_type"] = np.bytes_("frame")
        for i, (values, items) in enumerate(zip(blocks, names, strict=True)):
            group[f"block{i}_values"] = values
            group[f"block{i}_items"] = np.array(items, "S13")
    return path


def table(path, blocks, names=(FLOATS, INTEGERS)):
    kind = [
        ("index", "<i8"),
        ("values_block_0", "<f4", (blocks[0].shape[1],)),
        ("values_block_1", "<i8", (2,)),
    ]
    rows = np.zeros(len(blocks[0]), kind)
    rows["values_block_0"], rows["values_block_1"] = blocks
    with h5py.File(path, "w") as file:
        group = file.create_group("table")
        group.attrs["pandas_type"] = np.bytes_("frame_table")
        data = group.create_dataset("table", data=rows)
        for i, items in enumerate(names):
            data.attrs[f"values_block_{i}_kind"] = pickled(items)
    return path


def columns(path, blocks):
    """A table whose every column is a data column."""
    kind = [("index", "<i8"), *((n, "<f4") for n in FLOATS), *((n, "<i8") for n in INTEGERS)]
    rows = np.zeros(3, kind)
    for values, names in zip(blocks, (FLOATS, INTEGERS), strict=True):
        for i, name in enumerate(names):
            rows[name] = values[:, i]
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("table/table", data=rows)
    return path


@pytest.mark.parametrize("writer", [fixed, table, columns])
def test_every_pandas_format(tmp_path, blocks, writer):
    path = writer(tmp_path / "t.h5", blocks)
    assert count_top_tagging(path) == 3
    jets = read_top_tagging(path)
    np.testing.assert_array_equal(jets.label, [1, 0, 0])
    np.testing.assert_array_equal(jets.candidates.counts, [2, 1, 0])
    np.testing.assert_allclose(jets.candidates["pt"], [3, 6, 2])
    np.testing.assert_allclose(jets.candidates["energy"], [5, 10, 2])
    np.testing.assert_allclose(jets["pt"], [np.hypot(3, 6), 2, 0], rtol=1e-6)
    np.testing.assert_allclose(jets["mass"], [np.sqrt(15**2 - 9 - 36 - 144), 0, 0], rtol=1e-6)
    np.testing.assert_allclose(jets["phi"], [np.arctan2(6, 3), -np.pi / 2, 0], rtol=1e-6)
    np.testing.assert_array_equal(jets.truth["ttv"], [0, 1, 2])
    np.testing.assert_allclose(jets.truth["truthE"], [200, 0, 0])
    np.testing.assert_array_equal(read_top_tagging(path, start=1, stop=2).label, [0])


def test_bad_values(tmp_path, blocks):
    blocks[0][1, 0] = -2
    path = fixed(tmp_path / "t.h5", blocks)
    with pytest.raises(InputError, match="constituents' E must be finite and not negative"):
        read_top_tagging(path)
    assert len(read_top_tagging(path, on_error="skip")) == 2
    blocks[0][1, 0], blocks[0][2, 1] = np.inf, np.nan
    assert len(read_top_tagging(fixed(tmp_path / "u.h5", blocks), on_error="skip")) == 1


def test_bad_files(tmp_path, blocks):
    renamed = (FLOATS, ["ttv", "is_signal"])
    for writer in (fixed, table):
        with pytest.raises(InputError, match="has no column is_signal_new; there are: E_0"):
            read_top_tagging(writer(tmp_path / "r.h5", blocks, renamed))
        with pytest.raises(InputError, match="cannot be read"):
            read_top_tagging(writer(tmp_path / "n.h5", blocks, (FLOATS[1:], INTEGERS)))
    with pytest.raises(InputError, match="has no frame jets; there are: table"):
        read_top_tagging(fixed(tmp_path / "k.h5", blocks), key="jets")
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file["table/other"] = [1]
    with pytest.raises(InputError, match="table must be a pandas frame, it has other"):
        count_top_tagging(tmp_path / "g.h5")


def test_a_pickle_is_never_run(tmp_path, blocks):
    path = table(tmp_path / "t.h5", blocks)
    with h5py.File(path, "a") as file:
        file["table/table"].attrs["values_block_1_kind"] = np.bytes_(
            b"cos\nsystem\n(Vttv\nVis_signal_new\ntR."
        )
    assert len(read_top_tagging(path)) == 3  # the names are found, nothing is called
