import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from e2e_tf.data.readers.future_tau import count_future_tau, read_future_tau
from e2e_tf.errors import InputError


def columns():
    def p4(x, y, z, tau):
        return {"x": x, "y": y, "z": z, "tau": tau}

    return {
        "reco_cand_p4s": [[p4(3.0, 0.0, 4.0, 0.0), p4(0.0, 6.0, 8.0, 0.0)], [p4(1.0, 0.0, 0.0, 0.75)], []],
        "reco_cand_charge": [[1.0, 0.0], [-1.0], []],
        "reco_cand_pdg": [[211, 22], [13], []],
        "reco_cand_dxy": [[0.5, -1000.0], [float("nan")], []],
        "reco_cand_dxy_err": [[0.1, -1000.0], [0.2], []],
        "reco_cand_dz": [[1.0, -1000.0], [2.0], []],
        "reco_cand_dz_err": [[0.2, -1000.0], [0.4], []],
        "reco_jet_p4s": [p4(3.0, 6.0, 12.0, 6.0), p4(1.0, 0.0, 0.0, 0.75), p4(5.0, 0.0, 0.0, 0.0)],
        "gen_jet_tau_decaymode": [1, -1, -1],
        "gen_jet_tau_p4s": [p4(4.0, 0.0, 0.0, 1.5), p4(9.0, 0.0, 0.0, 0.0), p4(0.0, 0.0, 0.0, 0.0)],
        "weight": [0.5, 2.0, 1.0],
    }


def write(path, content, group=2):
    pq.write_table(pa.table(content), path, row_group_size=group)
    return path


def test_hand_computed_jets(tmp_path):
    path = write(tmp_path / "z.parquet", columns())
    assert count_future_tau(path) == 3
    jets = read_future_tau(path)
    np.testing.assert_array_equal(jets.label, [1, 0, 0])
    np.testing.assert_array_equal(jets.truth["decay_mode"], [1, -1, -1])
    np.testing.assert_allclose(jets.truth["visible_pt"], [4, 0, 0])
    np.testing.assert_allclose(jets.truth["visible_mass"], [1.5, 0, 0])
    np.testing.assert_allclose(jets.weight, [0.5, 2, 1])
    np.testing.assert_allclose(jets["pt"], [np.hypot(3, 6), 1, 5], rtol=1e-6)
    np.testing.assert_allclose(jets["mass"], [6, 0.75, 0], rtol=1e-6)
    c = jets.candidates
    np.testing.assert_array_equal(c.counts, [2, 1, 0])
    np.testing.assert_allclose(c["energy"], [5, 10, 1.25])
    np.testing.assert_allclose(c["d0"], [0.05, 0, 0])
    np.testing.assert_allclose(c["dz_error"], [0.02, 0, 0.04])
    np.testing.assert_array_equal(c["is_muon"], [0, 0, 1])


def test_a_range_crosses_row_groups(tmp_path):
    path = write(tmp_path / "z.parquet", columns())
    np.testing.assert_array_equal(read_future_tau(path, start=1, stop=3).event, [1, 2])
    assert len(read_future_tau(path, start=3)) == 0


def test_later_names(tmp_path):
    content = columns()
    for old, new in (
        ("charge", "charges"),
        ("pdg", "pdgs"),
        ("dxy_err", "dxy_error"),
        ("dz_err", "dz_error"),
    ):
        content[f"reco_cand_{new}"] = content.pop(f"reco_cand_{old}")
    content["reco_jet_p4"] = content.pop("reco_jet_p4s")
    del content["weight"]
    jets = read_future_tau(write(tmp_path / "z.parquet", content))
    np.testing.assert_allclose(jets.candidates["d0"], [0.05, 0, 0])
    np.testing.assert_allclose(jets.weight, 1)


def test_bad_input(tmp_path):
    content = columns()
    content["reco_cand_p4s"][1][0]["x"] = float("inf")
    path = write(tmp_path / "i.parquet", content)
    with pytest.raises(InputError, match="reco_cand_p4s px must be finite"):
        read_future_tau(path)
    np.testing.assert_array_equal(read_future_tau(path, on_error="skip").event, [0, 2])
    content = columns()
    content["reco_cand_pdg"][0].append(22)
    with pytest.raises(InputError, match="reco_cand_pdg must have as many values as reco_cand_p4s"):
        read_future_tau(write(tmp_path / "l.parquet", content))
    del content["gen_jet_tau_decaymode"]
    with pytest.raises(InputError, match="has no column gen_jet_tau_decaymode; there are: gen_jet_tau_p4s"):
        read_future_tau(write(tmp_path / "r.parquet", content))
    content = columns() | {"reco_jet_p4s": [1.0, 2.0, 3.0]}
    with pytest.raises(InputError, match="reco_jet_p4s must hold records x, y, z and tau or t"):
        read_future_tau(write(tmp_path / "t.parquet", content))
    path = write(tmp_path / "cut.parquet", columns())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="cannot be read"):
        count_future_tau(path)
