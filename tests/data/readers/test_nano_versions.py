"""Files in the layouts of NanoAOD v9 to v15: names of branches and widths of integers differ, the jets are the same.

Up to v11 integers are wide (``Jet_hadronFlavour`` int32, ``Tau_decayMode`` int32, ``GenVisTau_status`` int32), from v12
on narrow (uint8, int16). v13 brings ``TauProd``; v15 has no ``Jet_jetId``, adds ``PFCand`` with the links of AK8 jets
and may be an RNTuple. Floats have lost bits of their mantissa in every version.
"""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot

from e2e_tf.data.inspect import inspect
from e2e_tf.data.readers import open_reader
from e2e_tf.data.readers.content import content_of
from e2e_tf.data.readers.nano import read_nano_jets, read_nano_taus
from e2e_tf.data.readers.nano_events import generated_weights
from e2e_tf.data.readers.pfnano import read_pfnano
from e2e_tf.data.source import JetSource, SourceFile, SourcePart
from e2e_tf.errors import InputError

VERSIONS = ("v9", "v11", "v12", "v13", "v14", "v15", "v15 RNTuple")
WIDE = {"flavour": np.int32, "parton": np.int32, "mode": np.int32, "index": np.int32, "id": np.int32}
NARROW = {"flavour": np.uint8, "parton": np.int16, "mode": np.uint8, "index": np.int16, "id": np.uint8}


def lossy(values, bits=10):
    """float32 with a mantissa of so many bits, as NanoAOD rounds what it stores."""
    shift = np.uint32(23 - bits)
    flat = np.asarray(ak.flatten(values, axis=None), np.float32).view(np.uint32)
    rounded = ((flat + (np.uint32(1) << (shift - np.uint32(1)))) >> shift << shift).view(np.float32)
    return ak.unflatten(rounded, ak.num(values))


def integers(dtype, values):
    return ak.values_astype(ak.Array(values), dtype)


def momenta(pt, eta, phi, mass):
    names = {"pt": pt, "eta": eta, "phi": phi, "mass": mass}
    return {name: lossy(ak.values_astype(ak.Array(values), np.float32)) for name, values in names.items()}


def content_in(version):
    """Three events: two jets, of which one is a tau, and a b jet in the last."""
    number = int(version.split()[0].removeprefix("v"))
    kind = WIDE if number < 12 else NARROW
    jet = momenta([[40.03, 30.7], [], [50.9]], [[1, -1], [], [0.3]], [[3.1, 0.1], [], [1]], [[5, 4], [], [6]])
    jet["hadronFlavour"] = integers(kind["flavour"], [[0, 0], [], [5]])
    jet["partonFlavour"] = integers(kind["parton"], [[21, -1], [], [-5]])
    jet["genJetIdx"] = integers(kind["index"], [[0, -1], [], [1]])
    if number < 15:
        jet["jetId"] = integers(kind["id"], [[6, 2], [], [6]])
    tagger = "btagDeepFlavB" if number < 12 else "btagPNetB" if number < 15 else "btagUParTAK4B"
    jet[tagger] = lossy(ak.Array([[0.25, 0.0625], [], [0.9]]))
    tau = momenta([[40.3], [], []], [[1.01], [], []], [[3.09], [], []], [[1.2], [], []])
    tau["decayMode"] = integers(kind["mode"], [[10], [], []])
    tau["genPartFlav"] = integers(np.uint8, [[5], [], []])
    tau["genPartIdx"] = integers(kind["index"], [[0], [], []])
    visible = momenta([[38.5], [], []], [[1.0], [], []], [[3.1], [], []], [[1.1], [], []])
    visible["status"] = integers(kind["mode"], [[10], [], []])
    branches = {
        "run": np.ones(3, np.uint32),
        "luminosityBlock": np.array([7, 7, 2**31 + 8], np.uint32),
        "event": np.array([5, 6, 2**33], np.uint64),
        "genWeight": np.array([1.5, -1.5, 1.5], np.float32),
        "Jet": ak.zip(jet),
        "Tau": ak.zip(tau),
        "GenVisTau": ak.zip(visible),
    }
    if number >= 12:
        branches["bunchCrossing"] = np.ones(3, np.uint32)
    if number >= 13:
        product = momenta([[30, 10.3], [], []], [[1, 1.1], [], []], [[3.1, 3.1], [], []], [[0.1, 0], [], []])
        product["pdgId"] = integers(np.int32, [[211, 22], [], []])
        product["tauIdx"] = integers(np.int16, [[0, 0], [], []])
        branches["TauProd"] = ak.zip(product)
    if number >= 15:
        branches["FatJet"] = ak.zip(
            momenta([[210.3], [], []], [[1], [], []], [[3.1], [], []], [[90], [], []])
        )
        candidate = momenta(
            [[120, 80.7], [9], []], [[1, 1.1], [0], []], [[3.1, 3], [0], []], [[0.14, 0], [0], []]
        )
        candidate["pdgId"] = integers(np.int32, [[211, 22], [22], []])
        branches["PFCand"] = ak.zip(candidate)
        links = {"pfCandIdx": [[1, 0], [], []], "jetIdx": [[0, 0], [], []]}
        branches["FatJetPFCand"] = ak.zip({name: integers(np.int16, v) for name, v in links.items()})
    return branches


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nano")
    runs = {"run": np.ones(1, np.uint32), "genEventSumw": np.array([123.5]), "genEventCount": np.array([100])}
    paths = {}
    for version in VERSIONS:
        branches, path = content_in(version), folder / f"{version.replace(' ', '_')}.root"
        types = {k: v.type.content if isinstance(v, ak.Array) else v.dtype for k, v in branches.items()}
        with uproot.recreate(path) as file:
            if "RNTuple" in version:
                file.mkrntuple("Events", branches)
                file.mkrntuple("Runs", runs)
            else:
                file.mktree("Events", types).extend(branches)
                file.mktree("Runs", {k: v.dtype for k, v in runs.items()}).extend(runs)
        paths[version] = path
    return paths


@pytest.mark.parametrize("version", VERSIONS)
def test_jets_and_taus_are_the_same_in_every_version(files, version):
    path, reference = files[version], files["v9"]
    for read in (read_nano_jets, read_nano_taus):
        found, wanted = read(path), read(reference)
        for name in ("pt", "eta", "phi", "mass"):
            np.testing.assert_array_equal(found[name], wanted[name])
            assert found[name].dtype == np.float32
        for name, values in wanted.truth.items():
            np.testing.assert_array_equal(found.truth[name], values)
            assert found.truth[name].dtype == values.dtype
        np.testing.assert_array_equal(found.label, wanted.label)
        np.testing.assert_array_equal(found.event, wanted.event)
        np.testing.assert_array_equal(found.weight, wanted.weight)
        for name, values in wanted.origin.items():
            np.testing.assert_array_equal(found.origin[name], values)
    assert generated_weights(path) == 123.5


def test_values_are_those_that_were_written(files):
    jets = read_nano_jets(files["v9"])
    np.testing.assert_allclose(jets["pt"], [40.03, 30.7, 50.9], rtol=2**-11)
    assert jets["pt"][0] == np.float32(40.03125)  # ten bits of a mantissa
    np.testing.assert_array_equal(jets.label, [1, 0, 0])
    np.testing.assert_array_equal(jets.truth["decay_mode"], [10, -1, -1])
    np.testing.assert_array_equal(jets.truth["parton_flavour"], [21, -1, -5])
    np.testing.assert_array_equal(jets.event, np.int64(2**40) + np.array([5, 5, 2**33]))
    np.testing.assert_array_equal(jets.origin["luminosityBlock"], [7, 7, 2**31 + 8])
    for path in files.values():
        np.testing.assert_array_equal(read_nano_jets(path, signal="b").label, [0, 0, 1])
        np.testing.assert_array_equal(read_nano_jets(path, signal="gluon").label, [1, 0, 0])


def test_what_came_and_went(files):
    for version, path in files.items():
        number = int(version.split()[0].removeprefix("v"))
        assert ("jetId" in read_nano_jets(path)) == (number < 15)
        products = read_nano_taus(path).candidates
        assert (products is not None) == (number >= 13)
        if products is not None:
            np.testing.assert_array_equal(products["is_photon"], [0, 1])
            np.testing.assert_array_equal(products["charge"], [1, 0])
        if number < 15:
            continue
        fat = read_pfnano(path, collection="FatJet")
        np.testing.assert_allclose(fat.candidates["pt"], [80.7, 120], rtol=2**-11)
        np.testing.assert_array_equal(fat.candidates["pdg_id"], [22, 211])
        with pytest.raises(InputError, match="has no candidates of Jet, but of FatJet: give the option coll"):
            read_pfnano(path)


@pytest.mark.parametrize("version", VERSIONS)
def test_inspection_names_what_there_is(files, version):
    path = files[version]
    assert content_of(path).has("Events/Jet_pt", "Events/Tau_pt", "Events/luminosityBlock")
    assert open_reader(path, "nano_jets").count() == 3
    for reader, entries in (("nano_jets", 3), ("nano_taus", 1)):
        summary = inspect(path, reader)
        assert (summary.kind, summary.entries) == (reader, entries)
        assert summary.columns["jets/pt"] == ("float32", "GeV", "")
    if version.startswith("v15"):
        summary = inspect(path, "pfnano", {"collection": "FatJet"})
        np.testing.assert_array_equal(summary.counts["candidates"], [2])


def test_files_of_two_versions_are_one_sample(files, capsys):
    """Columns that one version lacks are left out, and integers of both widths go together."""
    paths = [files["v9"], files["v15 RNTuple"]]
    part = SourcePart(tuple(SourceFile(str(path)) for path in paths), "nano_jets", {"signal": "b"})

    jets = JetSource((part,)).located(paths[0].parent).read(paths[0].parent)

    assert len(jets) == 6
    np.testing.assert_array_equal(jets.label, [0, 0, 1] * 2)
    np.testing.assert_array_equal(jets["hadronFlavour"], [0, 0, 5] * 2)
    assert "jetId" not in jets
    assert "jetId (" in capsys.readouterr().err
