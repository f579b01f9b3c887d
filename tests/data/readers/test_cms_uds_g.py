import h5py
import numpy as np
import pytest

from e2e_tf.data.readers.cms_uds_g import CHARGED, GLOBALS, NEUTRAL, count_cms_uds_g, read_cms_uds_g
from e2e_tf.data.readers.entries import Report
from e2e_tf.errors import InputError


@pytest.fixture
def arrays():
    """Three jets: a quark with two charged and one neutral candidate, an empty gluon, a copy of the first."""
    cpf, npf = np.zeros((3, 25, 18), np.float32), np.zeros((3, 25, 6), np.float32)
    cpf[0, :2] = np.arange(36).reshape(2, 18) / 100 + 0.01
    npf[0, 0] = [0.25, 0.3, 1, 0, 0.2, 0.5]
    values = np.zeros((3, 14), np.float32)
    values[:, :5] = [[2, -1.5, 2, 1, 0], [1.5, 0.5, 0, 0, 0], [2, -1.5, 2, 1, 0]]
    cpf[2], npf[2] = cpf[0], npf[0]
    return {"cpf": cpf, "npf": npf, "globalvars": values, "is_gluon": np.array([0, 1, 0], np.int8)}


def write(path, arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def test_columns_by_name(tmp_path, arrays):
    jets = read_cms_uds_g(write(tmp_path / "j.h5", arrays))
    np.testing.assert_allclose(jets["pt"], [100, 10**1.5, 100], rtol=1e-6)
    np.testing.assert_allclose(jets["eta"], [-1.5, 0.5, -1.5])
    assert list(jets.columns) == ["pt", "eta", *GLOBALS[2:]]
    np.testing.assert_array_equal(jets["n_cpf"], [2, 0, 2])
    c = jets.candidates
    np.testing.assert_array_equal(c.counts, [3, 0, 3])
    np.testing.assert_array_equal(c["is_charged"], [1, 1, 0] * 2)
    np.testing.assert_allclose(c["ptrel"], [0.11, 0.29, 0.25] * 2, rtol=1e-6)
    np.testing.assert_allclose(c["pt"], [11, 29, 25] * 2, rtol=1e-6)
    np.testing.assert_allclose(c["delta_r"], [0.04, 0.22, 0.3] * 2, rtol=1e-6)
    np.testing.assert_allclose(c["is_photon"], [0, 0, 1] * 2)
    np.testing.assert_allclose(c["puppi_weight"], [0.15, 0.33, 0.5] * 2, rtol=1e-6)
    renamed = {"trackDeltaR", "deltaR", "isGamma"}
    new = {"pt", "is_charged", "delta_r", "is_photon"}
    assert (set(CHARGED) | set(NEUTRAL)) - renamed | new == set(c.columns)


def test_label_is_what_was_asked_for(tmp_path, arrays):
    path = write(tmp_path / "j.h5", arrays)
    np.testing.assert_array_equal(read_cms_uds_g(path).label, [1, 0, 1])
    np.testing.assert_array_equal(read_cms_uds_g(path, signal="gluon").label, [0, 1, 0])
    np.testing.assert_array_equal(read_cms_uds_g(path, signal="gluon").truth["is_gluon"], [0, 1, 0])
    with pytest.raises(InputError, match="signal must be"):
        read_cms_uds_g(path, signal=1)


def test_copies_share_their_event_across_ranges(tmp_path, arrays):
    path = write(tmp_path / "j.h5", arrays)
    event = read_cms_uds_g(path).event
    assert event[0] == event[2] != event[1]
    assert (event >= 0).all()
    assert count_cms_uds_g(path) == 3
    np.testing.assert_array_equal(read_cms_uds_g(path, start=2).event, event[2:])
    assert len(read_cms_uds_g(path, start=3)) == 0


@pytest.mark.parametrize(("name", "index", "value", "message"), [
    ("cpf", (1, 0, 3), np.nan, "cpf must be finite; 1 of 3 jets are not like that, the first is number 1"),
    ("npf", (1, 0, 3), np.inf, "npf must be finite"),
    ("npf", (1, 0, 0), -0.5, "npf ptrel must not be negative"),
    ("globalvars", (1, 0), np.nan, "globalvars must be finite"),
    ("globalvars", (1, 0), 120, "log10 of pt must lie within"),
    ("is_gluon", 1, 4, r"is_gluon must be one of \[0, 1\]"),
])  # fmt: skip
def test_bad_values_stop_or_are_skipped(tmp_path, arrays, name, index, value, message):
    arrays[name][index] = value
    path = write(tmp_path / "j.h5", arrays)
    with pytest.raises(InputError, match=message):
        read_cms_uds_g(path)
    report = Report()
    np.testing.assert_array_equal(read_cms_uds_g(path, on_error="skip", report=report).label, [1, 1])
    assert report.read == 2
    assert list(report.skipped.values()) == [1]


def test_bad_files(tmp_path, arrays):
    with pytest.raises(InputError, match="there is no file"):
        read_cms_uds_g(tmp_path / "absent.h5")
    path = write(tmp_path / "j.h5", arrays)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match="cannot be read"):
        read_cms_uds_g(path)
    text = tmp_path / "text.h5"
    text.write_text("not HDF5")
    with pytest.raises(InputError, match="cannot be read"):
        count_cms_uds_g(text)
    with pytest.raises(InputError, match=r"cpf must have the shape \(3, any, 18\), it has \(3, 25, 17\)"):
        read_cms_uds_g(write(tmp_path / "s.h5", arrays | {"cpf": arrays["cpf"][:, :, 1:]}))
    arrays["is_quark"] = arrays.pop("is_gluon")
    with pytest.raises(
        InputError, match="has no data set is_gluon; there are: cpf, globalvars, is_quark, npf"
    ):
        read_cms_uds_g(write(tmp_path / "r.h5", arrays))


@pytest.mark.shared_data
def test_real_jets(shared_data):
    path = shared_data / "cms_fullsim_jets" / "uds_vs_g.h5"
    assert count_cms_uds_g(path) == 23_092
    jets = read_cms_uds_g(path)
    assert len(jets) == len(np.unique(jets.event)) == 23_092
    assert (jets.label.sum(), len(jets.candidates["pt"])) == (11_561, 581_978)
    c = jets.candidates
    assert c["is_charged"].sum() == 276_180
    np.testing.assert_array_equal(np.minimum(jets["n_npf"], 25), jets.candidates.counts - np.bincount(
        c.owner, c["is_charged"], len(jets)
    ))  # fmt: skip
    # the two columns that the source leaves unnamed
    charged = c["is_charged"] == 1
    assert set(c["fromPV"][charged]) == {0, 1, 2, 3}
    assert set(c["track_quality"][charged]) == {1, 5}
    fitted = charged & (c["track_ndof"] > 0)
    assert np.mean(c["track_chi2"][fitted] % c["track_ndof"][fitted] == 0) > 0.9999
    # gluon jets hold more candidates
    assert jets["n_cpf"][jets.label == 0].mean() > jets["n_cpf"][jets.label == 1].mean()
