import awkward as ak
import numpy as np
import pytest
import uproot

from e2e_tf.data.readers import open_reader
from e2e_tf.data.readers.content import content_of
from e2e_tf.data.readers.entries import Report
from e2e_tf.data.readers.pfnano import count_pfnano, read_pfnano
from e2e_tf.errors import InputError


def jagged(dtype, **columns):
    return ak.zip({name: ak.values_astype(values, dtype) for name, values in columns.items()})


def both(floats, integers):
    parts = [jagged(np.float32, **floats), jagged(np.int32, **integers)]
    return ak.zip({name: part[name] for part in parts for name in part.fields})


def events():
    """Two jets in the first event, none in the second, one in the third."""
    jets = jagged(
        np.float32,
        pt=[[40, 30], [], [50]],
        eta=[[1, -1], [], [0]],
        phi=[[3.1, 0], [], [1]],
        mass=[[5, 4], [], [6]],
    )
    cands = both(
        {
            "pt": [[10, 20, 30, 5], [7], [50]],
            "eta": [[1.1, -1, 0.9, 0], [0], [0.1]],
            "phi": [[-3.1, 0, 3.1, 0], [0], [1]],
            "mass": [[0.13957, 0, -1e-7, 0], [0], [0.13957]],
            "d0": [[0.01, -1, -1, 0], [0], [-1]],
            "d0Err": [[0.002, -1, -1, 0], [0], [-1]],
            "dz": [[0.02, -1, -1, 0], [0], [-1]],
            "dzErr": [[0.004, -1, -1, 0], [0], [-1]],
            "puppiWeight": [[1, 0.5, 0.25, 0], [0], [1]],
        },
        {"charge": [[1, 0, 0, 0], [0], [-1]], "pdgId": [[211, 22, 130, 22], [22], [-211]]},
    )
    links = both(
        {"btagSip3dSig": [[np.inf, 2, 3], [], [4]]},
        {"pFCandsIdx": [[1, 0, 2], [], [0]], "jetIdx": [[1, 0, 0], [], [0]]},
    )
    return {
        "run": np.ones(3, np.uint32),
        "event": np.array([5, 6, 7], np.uint64),
        "Jet": jets,
        "PFCands": cands,
        "JetPFCands": links,
    }


@pytest.fixture
def write(write_tree):
    return write_tree


def test_candidates_of_each_jet(tmp_path, write):
    path = write(tmp_path / "pf.root", events())
    report = Report()
    jets = read_pfnano(path, report=report)
    assert count_pfnano(path) == 3
    assert jets.label is None
    c = jets.candidates
    np.testing.assert_array_equal(c.counts, [2, 1, 1])
    np.testing.assert_allclose(c["pt"], [10, 30, 20, 50])
    np.testing.assert_allclose(c["deta"], [0.1, -0.1, 0, 0.1], atol=1e-6)
    np.testing.assert_allclose(c["dphi"], [2 * np.pi - 6.2, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(c["energy"][1], 30 * np.cosh(0.9), rtol=1e-6)
    np.testing.assert_allclose(c["d0"], [0.01, 0, 0, 0])
    np.testing.assert_allclose(c["dz_error"], [0.004, 0, 0, 0])
    np.testing.assert_array_equal(c["has_track"], [1, 0, 0, 0])
    np.testing.assert_array_equal(c["charge"], [1, 0, 0, -1])
    np.testing.assert_array_equal(c["is_neutral_hadron"], [0, 1, 0, 0])
    np.testing.assert_allclose(c["puppiWeight"], [1, 0.25, 0.5, 1])
    np.testing.assert_allclose(c["btagSip3dSig"], [2, 3, 0, 4])
    assert report.replaced == {"btagSip3dSig": 1}
    np.testing.assert_array_equal(jets.event, 2**40 + np.array([5, 5, 7]))
    np.testing.assert_array_equal(read_pfnano(path, start=2).candidates["pt"], [50])
    assert len(read_pfnano(path, start=1, stop=2)) == 0


def test_names_of_run_3(tmp_path, write):
    content = events()
    content["PFCand"] = content.pop("PFCands")[["pt", "eta", "phi", "mass", "pdgId"]]
    links = content.pop("JetPFCands")
    content["JetPFCand"] = ak.zip({"pfCandIdx": links["pFCandsIdx"], "jetIdx": links["jetIdx"]})
    c = read_pfnano(write(tmp_path / "pf.root", content)).candidates
    np.testing.assert_allclose(c["pt"], [10, 30, 20, 50])
    np.testing.assert_array_equal(c["charge"], [1, 0, 0, -1])
    assert "d0" not in c.columns


def test_damaged_links_and_candidates(tmp_path, write):
    content = events()
    content["JetPFCands"] = jagged(np.int32, pFCandsIdx=[[4], [], []], jetIdx=[[0], [], []])
    with pytest.raises(
        InputError,
        match="JetPFCands_pFCandsIdx must be the number of one of the PFCands of its event, from 0 on; 4 is not",
    ):
        read_pfnano(write(tmp_path / "index.root", content))
    content = events()
    del content["JetPFCands"]
    with pytest.raises(InputError, match="has no branch JetPFCands_pFCandsIdx"):
        read_pfnano(write(tmp_path / "links.root", content))
    content = events()
    pt = ak.values_astype([[10, 20, -30, 5], [7], [50]], np.float32)
    content["PFCands"] = ak.with_field(content["PFCands"], pt, "pt")
    path = write(tmp_path / "pt.root", content)
    with pytest.raises(InputError, match=r"candidates' pt must be finite and not negative \[GeV\]; 1 of 3"):
        read_pfnano(path)
    assert len(read_pfnano(path, on_error="skip")) == 2


@pytest.mark.shared_data
def test_real_file(shared_data):
    path = shared_data / "nano" / "pfnano.root"
    assert count_pfnano(path) == 10
    with uproot.open(path) as file:
        assert len(ak.flatten(file["Events"]["PFCands_pt"].array())) == 18_197
    report = Report()
    jets = read_pfnano(path, report=report)
    assert len(jets) == 64
    assert jets.candidates.counts.sum() == 1801
    assert report.replaced == {"btagSip3dSig": 2}
    c = jets.candidates
    # the candidates' vector sum is the jet, up to jet corrections
    phi = jets["phi"][c.owner] + c["dphi"]
    px, py = (np.bincount(c.owner, c["pt"] * f(phi), len(jets)) for f in (np.cos, np.sin))
    ratio = np.hypot(px, py) / jets["pt"]
    assert 0.9 < np.median(ratio) < 1.05
    assert np.hypot(c["deta"], c["dphi"]).max() < 0.6
    assert len(read_pfnano(path, collection="FatJet", signal="b")) == 24


def test_own_branches_of_candidates(tmp_path, write):
    content = events()
    content["PFCands"] = ak.with_field(
        content["PFCands"], ak.values_astype(content["PFCands"].pt * 2, np.float32), "own"
    )
    path = write(tmp_path / "pf.root", content)
    assert "own" not in read_pfnano(path).candidates.columns
    for wanted in (["own", "pdgId"], None):
        c = read_pfnano(path, candidate_columns=wanted).candidates
        np.testing.assert_allclose(c["own"], 2 * c["pt"])
    with pytest.raises(InputError, match="has no branch PFCands_nope"):
        read_pfnano(path, candidate_columns=["nope"])


def test_collections_of_an_rntuple_are_read_as_branches(tmp_path, write):
    content = events()
    tree, table = write(tmp_path / "tree.root", content), tmp_path / "table.root"
    with uproot.recreate(table) as file:
        file.mkrntuple("Events", content)
    wanted, found = read_pfnano(tree), open_reader(table, "pfnano").read()
    for name, values in wanted.columns.items():
        np.testing.assert_array_equal(found[name], values)
    np.testing.assert_array_equal(found.event, wanted.event)
    assert set(found.candidates.columns) == set(wanted.candidates.columns)
    for name, values in wanted.candidates.columns.items():
        np.testing.assert_array_equal(found.candidates[name], values)
    content_of_table = content_of(table)
    assert content_of_table.has("Events/Jet_pt", "Events/JetPFCands_pFCandsIdx", "Events/run")
