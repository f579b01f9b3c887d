import json
import math
import zipfile

import numpy as np
import pytest

from e2e_tf.data.grid import PITCH
from e2e_tf.data.readers.entries import Report
from e2e_tf.data.readers.ispy import count_ispy, read_ispy
from e2e_tf.errors import InputError

HIT = [["energy", "double"], ["eta", "double"], ["phi", "double"], ["time", "double"]]
TYPES = {
    "Event_V2": [["run", "int"], ["event", "int"], ["ls", "int"]],
    "EBRecHits_V2": HIT,
    "EERecHits_V2": HIT,
    "HBRecHits_V2": HIT,
    "HERecHits_V2": HIT,
    "Tracks_V3": [["pos", "v3d"], ["pt", "double"], ["phi", "double"], ["eta", "double"]],
    "PFJets_V1": [["et", "double"], ["eta", "double"], ["theta", "double"], ["phi", "double"]],
}


def at(row, column=0):
    """η or φ of the middle of a crystal."""
    return (row + 0.5) * PITCH


def event(number=7, run=3, **collections):
    full = {name: [] for name in TYPES} | {"Event_V2": [[run, number, 5]]} | collections
    return {"Types": TYPES, "Collections": full}


ONE_JET = event(
    PFJets_V1=[[50.0, at(2), 1.5, at(2)]],
    EBRecHits_V2=[
        [3.0, at(2), at(2), 0.0],
        [1.0, at(2) + 0.1 * PITCH, at(2), 0.0],  # the same crystal
        [-0.5, at(3), at(2), 0.0],  # noise
        [2.0, at(-60), at(2), 0.0],  # first row of the window
        [9.0, at(-61), at(2), 0.0],  # outside
    ],
    EERecHits_V2=[[4.0, at(64), at(-60), 0.0]],  # last row, first column
    HBRecHits_V2=[[6.0, at(2), at(2), 0.0], [1.5, at(2), at(2), 0.0], [8.0, at(7), at(-3), 0.0]],
    Tracks_V3=[[[0, 0, 0], 12.0, at(-1), at(64)]],
)


def write(path, *texts, names=None):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Header", '"CMSSW_5_3_36"')
        for i, text in enumerate(texts):
            name = names[i] if names else f"Events/Run_3/Event_{i}"
            archive.writestr(name, text if isinstance(text, str) else json.dumps(text))
    return path


def test_hits_fall_into_the_cells_of_the_window(tmp_path):
    jets = read_ispy(write(tmp_path / "one.ig", ONE_JET))
    assert len(jets) == 1
    assert jets.label is None
    assert (jets["ieta"][0], jets["iphi"][0]) == (-60, 300)
    ecal, hcal, track = jets.hits["ecal"], jets.hits["hcal"], jets.hits["track"]
    np.testing.assert_array_equal(ecal["cell"], [62, 62 * 125 + 62, 124 * 125])
    np.testing.assert_allclose(ecal["value"], [2, 4, 4])
    np.testing.assert_array_equal(hcal["cell"], [12 * 25 + 12, 13 * 25 + 11])
    np.testing.assert_allclose(hcal["value"], [7.5, 8])
    np.testing.assert_array_equal(track["cell"], [124 * 125 + 59])
    np.testing.assert_allclose(track["value"], [12])


def test_event_numbers_hold_the_run(tmp_path):
    jets = read_ispy(write(tmp_path / "two.ig", ONE_JET, ONE_JET, event(number=8, PFJets_V1=[[11, 0, 1, 0]])))
    np.testing.assert_array_equal(jets.event - 3 * 2**40, [7, 7, 8])
    np.testing.assert_array_equal(jets["run"], [3, 3, 3])
    np.testing.assert_array_equal(jets["event_number"], [7, 7, 8])
    np.testing.assert_array_equal(jets["luminosity_block"], [5, 5, 5])


def test_mass_is_that_of_the_hits_scaled_to_the_jet(tmp_path):
    # two massless hits of pT 10 at η = 0, Δφ = 0.4: m = 20 sin 0.2 and pT = 20 cos 0.2
    hits = [[10.0, 0.0, 0.2, 0], [10.0, 0.0, -0.2, 0], [30.0, 0.0, 1.0, 0]]
    path = write(
        tmp_path / "m.ig", event(PFJets_V1=[[40.0, 0.0, 1.57, 0.0], [20, 0, 1.57, 3]], EBRecHits_V2=hits)
    )
    np.testing.assert_allclose(read_ispy(path)["mass"], [40 * math.tan(0.2), 0], rtol=1e-6)


def test_jets_are_selected(tmp_path):
    rows = [[9.9, 0, 1, 0], [10, 2.3, 1, 0], [80, -2.31, 1, 0], [50, -2.3, 1, 4.0]]
    path = write(tmp_path / "j.ig", event(PFJets_V1=rows))
    np.testing.assert_allclose(read_ispy(path)["pt"], [10, 50])
    np.testing.assert_allclose(read_ispy(path, max_pt=40, max_abs_eta=3)["pt"], [10])
    assert len(read_ispy(path, min_pt=500)) == 0


def test_a_range_of_events(tmp_path):
    events = [event(number=i, PFJets_V1=[[20 + i, 0, 1, 0]]) for i in range(5)]
    path = write(tmp_path / "r.ig", *events)
    assert count_ispy(path) == 5
    np.testing.assert_allclose(read_ispy(path, start=1, stop=3)["pt"], [21, 22])
    np.testing.assert_allclose(read_ispy(path, start=4, stop=99)["pt"], [24])
    with pytest.raises(InputError, match="0 <= start <= stop"):
        read_ispy(path, start=-1)


@pytest.mark.parametrize("text", [
    json.dumps(ONE_JET).replace("1.5]", "nan]"),
    json.dumps(ONE_JET).replace("1.5]", "-inf]"),
    str(ONE_JET),
    str(ONE_JET).replace("[]", "()").replace("[", "(").replace("]", ",)"),
    str(ONE_JET).replace("'double'", '"nan"'),
])  # fmt: skip
def test_every_spelling_of_an_event(tmp_path, text):
    jets = read_ispy(write(tmp_path / "t.ig", text))
    np.testing.assert_allclose(jets.hits["ecal"]["value"], [2, 4, 4])


def test_the_highest_version_counts(tmp_path):
    content = json.loads(json.dumps(ONE_JET))
    content["Types"]["PFJets_V2"] = [["phi", "double"], ["eta", "double"], ["et", "double"]]
    content["Collections"]["PFJets_V2"] = [[0.5, 0.25, 30.0]]
    jets = read_ispy(write(tmp_path / "v.ig", content))
    assert (jets["pt"][0], jets["eta"][0], jets["phi"][0]) == (30, 0.25, 0.5)


def broken(**changes):
    content = json.loads(json.dumps(ONE_JET))
    content["Collections"] |= changes
    return content


def without(collection):
    content = json.loads(json.dumps(ONE_JET))
    del content["Types"][collection]
    return content


def renamed():
    return json.loads(json.dumps(ONE_JET).replace('"et"', '"pt"'))


@pytest.mark.parametrize(("content", "message"), [
    (broken(PFJets_V1=[[-5.0, 0, 1, 0]]), r"PFJets et must be finite and not negative \[GeV\]; 1 of 1"),
    (broken(PFJets_V1=[[50.0, math.nan, 1, 0]]), "PFJets eta and phi must be finite"),
    (broken(EBRecHits_V2=[[math.nan, 0, 0, 0]]), "energy, eta and phi of EBRecHits and EERecHits must"),
    (broken(Tracks_V3=[[[0, 0, 0], 1.0, math.inf, 0]]), "pt, eta and phi of Tracks must be finite"),
    (broken(HBRecHits_V2=[[1.0, 0]]), "HBRecHits_V2 must have rows of 4 numbers"),
    (broken(Event_V2=[]), "Event must be one row"),
    (without("Tracks_V3"), "has no collection Tracks; there are: EBRecHits_V2"),
    (renamed(), "PFJets_V1 has no field et; there are: pt, eta, theta, phi"),
    (json.dumps(ONE_JET)[:300], "must be an event with Types and Collections"),
    ("[1, 2]", "must be an event with Types and Collections"),
])  # fmt: skip
def test_a_damaged_event_stops_or_is_skipped(tmp_path, content, message):
    path = write(tmp_path / "bad.ig", ONE_JET, content, names=["Events/a", "Events/b"])
    with pytest.raises(InputError, match=message):
        read_ispy(path)
    report = Report()
    assert len(read_ispy(path, on_error="skip", report=report)) == 1
    assert report.read == 1
    assert sum(report.skipped.values()) == 1


def test_files_that_are_no_events(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_ispy(tmp_path / "absent.ig")
    path = write(tmp_path / "short.ig", ONE_JET)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="truncated, damaged or of another format"):
        count_ispy(path)
    with pytest.raises(InputError, match="must be an iSpy archive"):
        read_ispy(write(tmp_path / "other.ig", ONE_JET, names=["elsewhere"]))
    with pytest.raises(InputError, match="on_error must be"):
        read_ispy(path, on_error="ignore")


def test_no_code_is_run(tmp_path):
    with pytest.raises(InputError):
        read_ispy(write(tmp_path / "code.ig", "__import__('os').getcwd()"))


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "run", "jets", "hits"), [
    ("BJetPlusX_Run2012C_0", 198230, 293, {"track": 6701, "ecal": 37246, "hcal": 2689}),
    ("TauParked_Run2012C_0", 198272, 336, {"track": 6692, "ecal": 29358, "hcal": 2599}),
])  # fmt: skip
def test_real_collisions(shared_data, name, run, jets, hits):
    path = shared_data / "ispy" / f"{name}.ig"
    assert count_ispy(path) == 25
    found = read_ispy(path)
    assert len(found) == jets
    assert len(np.unique(found.event)) == 25
    assert set(found["run"]) == {run}
    assert {channel: len(rows["cell"]) for channel, rows in found.hits.items()} == hits
    assert all((rows["value"] > 0).all() for rows in found.hits.values())
    assert found["pt"].min() >= 10
    # most of a hard central jet's energy is in its window's hits
    hard = found.take((found["pt"] > 50) & (np.abs(found["eta"]) < 1))
    seen = sum(np.bincount(r.owner, r["value"], len(hard)) for r in (hard.hits["ecal"], hard.hits["hcal"]))
    assert 0.5 < np.median(seen / (hard["pt"] * np.cosh(hard["eta"]))) < 2
