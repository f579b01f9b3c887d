"""Detector objects of events become the graphs of the training: a compiled package gives Python's scores."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cmssw_driver import PACKAGE, POINTS, Built, configured, products, write_config

from e2e_tf.data.detector_features import DETECTOR
from e2e_tf.data.graphs import graphs_of
from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.data.objects import OBJECTS
from e2e_tf.data.samples import sample_path
from e2e_tf.deploy.cmssw import cmssw_package
from e2e_tf.deploy.cmssw_objects import OBJECT_COLUMNS
from e2e_tf.errors import InputError
from e2e_tf.graph import KINDS
from e2e_tf.training.run import open_run

EVENTS = 40  # of one tau and one QCD jet
SHIFT = 7  # cm, of the modules of the stand-ins


@dataclass(frozen=True)
class Simulated:
    """Events of RECO as the driver reads them, and the jets that the simulation's own functions make of them."""

    text: str
    jets: Jets
    apart: np.ndarray  # of φ at the face from the one in the sample, of tracks in the barrel


def spread(values: np.ndarray, owner: np.ndarray, axis: np.ndarray) -> np.ndarray:
    return values.astype(float) + axis[owner]


def seen(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """η and φ of points that are stored in single precision."""
    x, y, z = (v.astype(np.float32).astype(float) for v in (x, y, z))
    return np.arcsinh(z / np.hypot(x, y)), np.arctan2(y, x)


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    """Jets of the shipped sample in events, with objects that producers must leave out."""
    import e2e_tf.sim.jet_objects as jet_objects
    from e2e_tf.sim.cluster import ReconstructedJets
    from e2e_tf.sim.objects import Crystals, PixelClusters, Segments, TrackObjects
    from e2e_tf.sim.tracking import RecoTracks, face_of_tracks
    from e2e_tf.sim.vertices import Vertices

    rng = np.random.default_rng(6)
    source = read_jets(sample_path("tau_detector"), stop=2 * EVENTS)
    event = np.arange(len(source)) // 2
    axis_eta = source["eta"].astype(float)
    axis_phi = delta_phi(source["phi"] + np.pi * (np.arange(len(source)) % 2), 0.0)  # two jets apart
    beam = rng.normal(0, [0.02, 0.02, 3.5], (EVENTS, 3))
    beam[3] = [0.01, -0.02, 1.0]

    # Vertices of the first jet's event, the chosen one first; event 3 has none but the beam spot, as a fake one.
    found = source.objects["vertex"]
    first = np.isin(found.owner, 2 * np.arange(EVENTS)) & ((found.owner != 6) | (found["z"] == 0))
    of, z = found.owner[first] // 2, found["z"][first].astype(float)
    zeros = np.zeros(len(of))
    vertices = Vertices(
        event=of,
        x=beam[of, 0],
        y=beam[of, 1],
        z=z + beam[of, 2],
        xy_error=zeros,
        z_error=zeros,
        sum_pt2=zeros,
        n_tracks=zeros.astype(int),
        chosen=np.append(True, of[1:] != of[:-1]),
        collision=zeros.astype(int),
    )

    def absolute(kind: str) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
        rows = source.objects[kind]
        owner = rows.owner
        columns = {name: values.astype(float) for name, values in rows.columns.items()}
        eta = spread(rows["deta"], owner, axis_eta)
        return columns, event[owner], eta, delta_phi(spread(rows["dphi"], owner, axis_phi), 0.0)

    # Tracks
    columns, owner, eta, phi = absolute("track")
    distance = np.abs(columns["dz"][:, None] - np.where(of == owner[:, None], z, np.inf))
    blank = np.full(len(owner), -1)
    tracks = RecoTracks(
        event=owner,
        pt=columns["pt"],
        eta=eta,
        phi=phi,
        charge=columns["charge"].astype(np.int8),
        **{k: columns[k] for k in ("d0", "dz", "d0_error", "dz_error", "chi2")},
        n_hits=columns["n_hits"].astype(np.int16),
        n_pixel_hits=columns["n_pixel_hits"].astype(np.int16),
        origin=blank,
        process=blank,
        collision=blank,
        vertex=blank,
        from_pv=vertices.chosen[np.argmin(distance, axis=1)].astype(np.int8),
    )
    tracks = tracks.take(np.lexsort((-tracks.pt, tracks.event)))
    face = face_of_tracks(tracks, vertices)
    objects = TrackObjects(
        **vars(tracks),
        eta_face=np.where(face.reached, face.eta, tracks.eta),
        phi_face=np.where(face.reached, face.phi, tracks.phi),
        pdg_id=np.zeros(len(tracks), np.int32),
    )
    stored = delta_phi(
        spread(source.objects["track"]["dphi_face"], source.objects["track"].owner, axis_phi), 0.0
    )
    stored = stored[np.lexsort((-columns["pt"], owner))]

    # Crystals and towers on cylinders, in single precision
    cells = {}
    for kind, radius, least in (("ecal", 129.0, (0.1, 0.3)), ("hcal", 180.0, (0.1, 0.2, 0.3, 0.3))):
        columns, owner, eta, phi = absolute(kind)
        x, y, z = radius * np.cos(phi), radius * np.sin(phi), radius * np.sinh(eta)
        part = np.where(np.abs(eta) < 1.479, 1, 2) if kind == "ecal" else columns["depth"].astype(int)
        columns["eta"], columns["phi"] = seen(x, y, z)
        keep = columns["energy"] >= np.array(least)[part - 1]
        order = np.lexsort((-columns["energy"] / np.cosh(columns["eta"]), owner))
        order = order[keep[order]]
        columns |= {"event": owner, "part": part, "x": x, "y": y, "z": z}
        cells[kind] = {name: values[order] for name, values in columns.items()}
    number = {kind: np.arange(len(of_kind["event"])) for kind, of_kind in cells.items()}

    def cell(kind: str, **more: np.ndarray) -> dict[str, np.ndarray]:
        return {"key": number[kind], **{k: cells[kind][k] for k in ("event", "eta", "phi", "energy")}, **more}

    # Clusters, seen from the chosen vertex
    columns, owner, eta, phi = absolute("pixel")
    layer = columns["layer"].astype(int)
    radius = np.array([4.4, 7.3, 10.2])[layer - 1]
    x, y = radius * np.cos(phi), radius * np.sin(phi)
    local = (radius * np.sinh(eta) + beam[owner, 2] - SHIFT).astype(np.float32)
    z = (local + np.float32(SHIFT)).astype(float)
    x, y = (v.astype(np.float32).astype(float) for v in (x, y))
    clusters = PixelClusters(
        owner, np.arcsinh((z - beam[owner, 2]) / np.hypot(x, y)), np.arctan2(y, x), layer.astype(np.int8)
    )

    made = ReconstructedJets(
        event, source["pt"].astype(float), axis_eta, axis_phi, source["mass"].astype(float)
    )
    with pytest.MonkeyPatch.context() as patch:  # columns of a file keep 10 bits; here both sides have all
        patch.setattr(jet_objects, "round_mantissa", lambda values: values.astype(np.float32))
        around = jet_objects.objects_of_jets(
            made,
            objects,
            Crystals(**cell("ecal", time=cells["ecal"]["time"])),
            Segments(**cell("hcal", depth=cells["hcal"]["part"].astype(np.int8))),
            clusters,
            vertices,
            0.5,
        )
    jets = Jets(
        columns={k: getattr(made, k).astype(np.float32) for k in ("pt", "eta", "phi", "mass")},
        event=event,
        weight=np.ones(len(source), np.float32),
        objects=around,
    )

    def line(*values: Any) -> str:
        return " ".join(repr(v.item() if isinstance(v, np.generic) else v) for v in values)

    lines = [str(EVENTS)]
    for e in range(EVENTS):
        lines.append("detector 4.0 2")
        lines += [
            line(*(getattr(made, k)[i] for k in ("pt", "eta", "phi", "mass")), 0.0, 0.0, 0)
            for i in (2 * e, 2 * e + 1)
        ]
        lines.append("0")
        rows = np.flatnonzero(vertices.event == e)
        lines.append(str(len(rows)))
        lines += [line(vertices.x[i], vertices.y[i], vertices.z[i], int(e == 3)) for i in rows]
        lines.append(line(*beam[e]))
        rows, own = np.flatnonzero(owner == e), np.flatnonzero(tracks.event == e)
        pixels = [line(1, layer[i], x[i], y[i], float(local[i]) + SHIFT, -1) for i in rows]
        # A cluster that a track has, one of the fourth layer and one of the endcaps at the places of others.
        if len(rows) and len(own):
            at = (x[rows[0]], y[rows[0]], float(local[rows[0]]) + SHIFT)
            pixels += [line(1, 1, *at, int(len(own) - 1)), line(1, 4, *at, -1), line(2, 1, *at, -1)]
        lines += [str(len(pixels)), *pixels, str(len(own) + 2)]
        for i in own:
            sine, cosine = np.sin(tracks.phi[i]), np.cos(tracks.phi[i])
            place = beam[e] + np.array([-tracks.d0[i] * sine, tracks.d0[i] * cosine, tracks.dz[i]])
            fit = (int(tracks.charge[i]), tracks.d0_error[i], tracks.dz_error[i], 8 * tracks.chi2[i], 8.0)
            hits = (int(tracks.n_hits[i]), int(tracks.n_pixel_hits[i]), 2, 1)
            lines.append(line(tracks.pt[i], tracks.eta[i], tracks.phi[i], *place, *fit, *hits))
        # Tracks without the quality and below the limit in pT, on the axis.
        for pt, quality in ((30.0, 0), (0.4, 2)):
            lines.append(
                line(pt, axis_eta[2 * e], axis_phi[2 * e], *beam[e], 1, 0.1, 0.1, 8.0, 8.0, 9, 3, quality, 1)
            )
        for kind in ("ecal", "hcal"):
            own_cells = {name: values[cells[kind]["event"] == e] for name, values in cells[kind].items()}
            places = zip(*(own_cells[k] for k in ("part", "energy", "x", "y", "z")), strict=True)
            if kind == "hcal":
                lines += [str(len(own_cells["x"])), *(line(*place) for place in places)]
                continue
            spike = [line(1, energy, 129.0, 0.0, 0.0, 0.0, flag) for energy, flag in ((90.0, 14), (0.05, 0))]
            lines += [str(len(own_cells["x"]) + 2), *spike]
            lines += [line(*place, t, 0) for place, t in zip(places, own_cells["time"], strict=True)]
    barrel = np.abs(objects.eta_face) < 1.2  # further on φ depends on z, which the sample does not say
    apart = delta_phi(objects.phi_face - stored, 0.0)[barrel]
    return Simulated("\n".join(lines) + "\n", jets, apart)


def test_places_at_the_face_are_those_of_the_shipped_sample(simulated: Simulated) -> None:
    """Within the 10 bits that a file has of a track's momentum and direction."""
    apart = np.abs(simulated.apart)
    assert len(apart) > 500
    assert np.median(apart) < 6e-4
    assert np.mean(apart < 3e-3) > 0.95


def test_closure_of_the_shipped_network_on_detector_objects(
    built_detector: Built, simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from e2e_tf.training.predict import predict

    run = open_run(built_detector.trained)
    model, jets = run.model(), simulated.jets
    expected = predict(model, graphs_of(jets, run.preprocess))[:, 0]
    assert np.ptp(expected) > 0.9
    (tmp_path / "events").write_text(simulated.text)
    modules = configured(built_detector, tmp_path, monkeypatch)
    import FWCore.ParameterSet.Config as cms

    cuts = np.quantile(expected, [0.5, 0.2])
    points = cms.VPSet(
        *(
            cms.PSet(name=cms.string("a"), score=cms.string("score"), threshold=cms.double(cut))
            for cut in cuts
        )
    )
    stored = {"src": cms.InputTag("jets"), "jet_correction": cms.string(""), "candidates": cms.VInputTag()}
    filters = modules["e2ETaggerFilter"].clone(
        src=cms.InputTag("jets"),
        working_points=cms.InputTag("tagger:workingPoints"),
        bit=cms.uint32(0),
        min_jets=cms.uint32(2),
        min_pt=cms.double(12.0),
        max_eta=cms.double(1.5),
        accept_above_pt=cms.double(35.0),
    )
    behind = ["E2ETaggerFilter", write_config(filters, tmp_path / "filter")]

    def scored(name: str, *more: Any, **changes: Any) -> dict[str, list[np.ndarray]]:
        module = modules[name].clone(**{**stored, **changes})
        config, out = write_config(module, tmp_path / "config"), tmp_path / "out"
        done = built_detector.run(
            built_detector.driver, "events", module.plugin, config, tmp_path / "events", out, 2, *more
        )
        assert done.returncode == 0, done.stderr
        return products(out)

    for backend in ("ONNX", "TF"):
        found = scored(f"e2ETagger{backend}", *behind, workingPoints=points)
        assert found.keys() == {"score", "workingPoints", "inRange", "filter"}
        np.testing.assert_allclose(np.concatenate(found["score"]), expected, rtol=0, atol=1e-5)
        bits = np.concatenate(found["workingPoints"]).astype(int)
        np.testing.assert_array_equal(bits & 1, expected >= np.float32(cuts[0]))
    pt, eta = jets["pt"], jets["eta"]
    within = (pt >= 14) & (pt <= 40) & (np.abs(eta) <= 1.5)
    np.testing.assert_array_equal(np.concatenate(found["inRange"]), within)
    assert 0.2 < within.mean() < 0.95
    passing = (pt >= 12) & (np.abs(eta) <= 1.5) & ((bits & 1 > 0) | (pt > 35))
    for event, (decision, *kept) in enumerate(found["filter"]):
        own = passing[2 * event : 2 * event + 2]
        assert decision == (own.sum() >= 2)
        np.testing.assert_allclose(kept, pt[2 * event : 2 * event + 2][own], rtol=1e-6)
    assert 0 < sum(decision for decision, *_ in found["filter"]) < EVENTS

    # By default momenta are lowered by ρ times the area, as those of the training were.
    lowered = pt.astype(float) - 4.0 * np.pi * 0.4**2
    columns = {"pt": lowered, "mass": jets["mass"] * (lowered / pt)}
    changed = Jets(
        **vars(jets) | {"columns": dict(jets.columns) | {k: v.astype(np.float32) for k, v in columns.items()}}
    )
    expected = predict(model, graphs_of(changed, run.preprocess))[:, 0]
    found = scored(
        "e2ETaggerONNX", jet_correction=cms.string("area"), rho=cms.InputTag("fixedGridRhoFastjetAll")
    )
    np.testing.assert_allclose(np.concatenate(found["score"]), expected, rtol=0, atol=1e-5)
    # What is read decides: each other choice gives other scores.
    for changes in (
        {"magnetic_field": cms.double(3.0)},
        {"track_quality": cms.string("")},
        {"ecal_hits": cms.VInputTag("ecalRecHit:EcalRecHitsEB")},
        {"pixel_hits": cms.InputTag("")},
        {"candidate_radius": cms.double(0.3)},
    ):
        assert np.abs(np.concatenate(scored("e2ETaggerONNX", **changes)["score"]) - expected).max() > 1e-3


def test_the_unit_test_of_the_package_passes(built_detector: Built) -> None:
    done = built_detector.run(built_detector.parity)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_producer_of_objects_refuses_what_it_cannot_do(
    built_detector: Built, simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = configured(built_detector, tmp_path, monkeypatch)
    import FWCore.ParameterSet.Config as cms

    (tmp_path / "events").write_text(simulated.text)
    # The hits of the first event's tracks are not kept.
    lines = simulated.text.splitlines()
    track = next(i for i, line in enumerate(lines) if line.endswith(" 2 1") and len(line.split()) == 15)
    lines[track] = lines[track][:-1] + "0"
    (tmp_path / "bare").write_text("\n".join(lines) + "\n")
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("events", {"track_quality": cms.string("best")}, "tracks have no quality best"),
        ("events", {"hcal_thresholds": cms.vdouble()}, "hcal_thresholds needs at least one number"),
        ("events", {"tracks": cms.InputTag("none")}, "ProductNotFound"),
        ("events", {"ecal_hits": cms.VInputTag("ecalRecHit")}, "ProductNotFound"),
        ("bare", {}, "tracks have no hits, so that clusters of pixels without a track are not known"),
    ]
    commands = []
    for i, (file, changes, _) in enumerate(cases):
        plain = {"src": cms.InputTag("jets"), "jet_correction": cms.string(""), "candidates": cms.VInputTag()}
        config = write_config(modules["e2ETaggerONNX"].clone(**plain | changes), tmp_path / f"config{i}")
        out = tmp_path / "out"
        commands.append(["events", "E2ETaggerONNXProducer", config, tmp_path / file, out, 1])
    for (_, _, message), (status, said) in zip(cases, built_detector.each(tmp_path, commands), strict=True):
        assert status == 3, message
        assert message in said


def test_collections_of_both_levels_are_parameters(
    built_detector: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = configured(built_detector, tmp_path, monkeypatch)
    reco, hlt = modules["e2ETagger"].parameters, modules["e2ETaggerHLT"].parameters
    for name, at_reco, at_hlt in (
        ("src", "ak4PFJetsCHS", "hltAK4CaloJetsCorrected"),
        ("tracks", "generalTracks", "hltPixelTracks"),
        ("track_quality", "highPurity", ""),
        ("hcal_hits", "hbhereco", "hltHbhereco"),
        ("pixel_hits", "siPixelRecHits", "hltSiPixelRecHits"),
        ("vertices", "offlinePrimaryVertices", "hltPixelVertices"),
        ("beam_spot", "offlineBeamSpot", "hltOnlineBeamSpot"),
        ("jet_correction", "area", ""),
        ("candidates", ("particleFlow",), ()),
        ("ecal_hits", ("ecalRecHit:EcalRecHitsEB", "ecalRecHit:EcalRecHitsEE"), None),
    ):
        assert reco[name].value == at_reco
        if at_hlt is not None:
            assert hlt[name].value == at_hlt
    assert hlt["ecal_hits"].value == ("hltEcalRecHit:EcalRecHitsEB", "hltEcalRecHit:EcalRecHitsEE")
    assert [reco[name].value for name in ("min_pt", "max_pt", "max_eta")] == [14, 40, 1.5]
    text = (built_detector.base / PACKAGE / "python" / "e2ETaggerHLT_cff.py").read_text()
    assert 'working_points=cms.InputTag("e2ETaggerHLT:workingPoints")' in text
    assert f"bit=cms.uint32({len(POINTS) - 1})" in text


def test_the_package_says_what_it_was_trained_on(built_detector: Built) -> None:
    package = built_detector.base / PACKAGE
    readme = (package / "README.md").read_text()
    assert "| `e2ETagger` | none | 14 to 40 GeV | up to ±1.5 |" in readme
    assert "objects within ΔR < 0.5 of the axis, with momenta of jets without tracks of pileup" in readme
    assert "| `edm::ValueMap<int>`, `inRange` |" in readme
    for path in package.rglob("*"):
        if path.suffix in (".cc", ".h", ".hpp", ".py", ".xml", ".md"):
            assert not re.search(r"@[A-Z_]+@", path.read_text()), path
        if path.suffix == ".py":
            compile(path.read_text(), str(path), "exec")
    assert '<use name="Geometry/CaloGeometry"/>' in (package / "plugins" / "BuildFile.xml").read_text()


def test_force_replaces_a_package_of_the_other_nodes(
    built_detector: Built, bundles: dict[str, Path], tmp_path: Path
) -> None:
    package = cmssw_package(built_detector.bundle, tmp_path / "src")
    assert (package / "plugins" / "E2ETaggerFilter.cc").is_file()
    assert cmssw_package(bundles["padded"], tmp_path / "src", force=True) == package
    assert not (package / "plugins" / "E2ETaggerFilter.cc").exists()
    assert "no detector objects" in (package / "plugins" / "ObjectSource.h").read_text()
    with pytest.raises(
        InputError, match="bundles of one package need nodes of one sort, .*; write a package for each"
    ):
        cmssw_package({"a": bundles["padded"], "b": built_detector.bundle}, tmp_path / "other")


def test_a_model_without_clusters_asks_for_none(detector_bundle: Path, tmp_path: Path) -> None:
    from e2e_tf.files import sha256

    bundle = Path(shutil.copytree(detector_bundle, tmp_path / "bundle"))
    document = json.loads((bundle / "preprocess.json").read_text())
    del document["graph"]["max_nodes"]["pixel"]
    (bundle / "preprocess.json").write_text(json.dumps(document))
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["checksums"]["preprocess.json"] = sha256(bundle / "preprocess.json")
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    package = cmssw_package(bundle, tmp_path / "src")
    assert (
        'desc.add<edm::InputTag>("pixel_hits", edm::InputTag(""))'
        in (package / "plugins" / "ObjectSource.h").read_text()
    )
    assert 'pixel_hits=cms.InputTag("")' in (package / "python" / "e2ETaggerHLT_cff.py").read_text()


def test_producers_give_every_column_of_objects() -> None:
    for kind in KINDS:
        assert list(OBJECT_COLUMNS[kind]) == [column.name for column in OBJECTS[kind]]
        for quantity in DETECTOR:
            if kind in quantity.of:
                own = {c for c in quantity.of[kind].columns if not c.startswith("leading_")}
                assert own <= OBJECT_COLUMNS[kind].keys()
