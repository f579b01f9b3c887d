import awkward as ak
import numpy as np
import pytest

from e2e_tf.data.readers.jetclass import CLASSES, count_jetclass, read_jetclass
from e2e_tf.errors import InputError


def events():
    zeros = [[0, 0], [0]]
    part = {
        "px": [[3, 0], [1]], "py": [[0, 6], [0]], "pz": [[4, 8], [0]], "energy": [[5, 10], [1]],
        "d0val": [[0.5, 0], [0]], "d0err": [[0.1, 0], [0]], "dzval": [[1, 0], [0]], "dzerr": [[0.2, 0], [0]],
        "charge": [[1, 0], [-1]], "isChargedHadron": [[1, 0], [0]], "isNeutralHadron": zeros,
        "isPhoton": [[0, 1], [0]], "isElectron": [[0, 0], [1]], "isMuon": zeros,
    }  # fmt: skip
    branches = {f"part_{k}": ak.values_astype(v, np.float32) for k, v in part.items()}
    jet = {
        "pt": [6.5, 1],
        "eta": [1, 0],
        "phi": [1, 0],
        "energy": [15, 1.25],
        "nparticles": [2, 1],
        "sdmass": [3, 0],
    }
    branches |= {f"jet_{k}": np.array(v, np.float32) for k, v in jet.items()}
    return branches | {
        f"label_{c}": np.array([c == "Tbqq", c == "QCD"], np.int32 if c == "Tbl" else np.float32)
        for c in CLASSES
    }


@pytest.fixture
def write(write_tree):
    return lambda path, branches: write_tree(path, branches, "tree")


def test_hand_computed_jets(tmp_path, write):
    path = write(tmp_path / "j.root", events())
    assert count_jetclass(path) == 2
    jets = read_jetclass(path, signal=["Tbqq", "Tbl"])
    np.testing.assert_array_equal(jets.label, [1, 0])
    np.testing.assert_array_equal(jets.truth["class"], [CLASSES.index("Tbqq"), 0])
    np.testing.assert_allclose(jets["mass"], [np.sqrt(225 - (6.5 * np.cosh(1)) ** 2), 0.75], rtol=1e-6)
    np.testing.assert_allclose(jets["sdmass"], [3, 0])
    c = jets.candidates
    np.testing.assert_allclose(c["pt"], [3, 6, 1])
    np.testing.assert_allclose(c["deta"], [np.arcsinh(4 / 3) - 1, np.arcsinh(8 / 6) - 1, 0], atol=1e-6)
    np.testing.assert_allclose(c["dphi"], [-1, np.pi / 2 - 1, 0], atol=1e-6)
    np.testing.assert_allclose(c["d0"], [0.05, 0, 0])  # mm become cm
    np.testing.assert_array_equal(c["charge"], [1, 0, -1])
    np.testing.assert_array_equal(c["is_electron"], [0, 0, 1])
    np.testing.assert_array_equal(read_jetclass(path, signal="QCD", start=1).label, [1])


def test_bad_input(tmp_path, write):
    path = write(tmp_path / "j.root", events())
    with pytest.raises(InputError, match="signal must be among QCD"):
        read_jetclass(path, signal="top")
    branches = events()
    branches["label_QCD"][:] = 1
    path = write(tmp_path / "l.root", branches)
    with pytest.raises(InputError, match="exactly one label_ must be 1; 1 of 2 jets"):
        read_jetclass(path, signal="QCD")
    assert len(read_jetclass(path, signal="QCD", on_error="skip")) == 1
    branches = events()
    branches["part_energy"] = ak.values_astype([[5, -10], [1]], np.float32)
    with pytest.raises(InputError, match="part_ energy must be finite and not negative"):
        read_jetclass(write(tmp_path / "e.root", branches), signal="QCD")
    del branches["part_d0val"]
    with pytest.raises(InputError, match="has no branch part_d0val; there are: jet_energy"):
        read_jetclass(write(tmp_path / "r.root", branches), signal="QCD")
