"""The C++ builder and runners give what Python gives, with sanitizers on."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cpp_tools import compare

from e2e_tf.data.features import (
    CANDIDATES,
    CHANNELS,
    HIT_ENERGIES,
    HIT_FEATURES,
    TRANSFORMS,
    Feature,
    transformed,
)
from e2e_tf.data.graphs import GraphRecipe, build_graphs, graphs_of
from e2e_tf.data.grid import CRYSTALS, TOWERS, delta_phi, window_corner
from e2e_tf.data.jets import Jets, Ragged, read_jets
from e2e_tf.data.node_inputs import INPUT_COLUMNS, with_node_inputs
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.data.quantities import candidate_quantities, hit_quantities
from e2e_tf.data.samples import sample_path
from e2e_tf.deploy.candidates import write_candidates
from e2e_tf.deploy.padded import padded_preprocess
from e2e_tf.deploy.signing import write_manifest
from e2e_tf.errors import InputError
from e2e_tf.training.pt_points import PtPoint
from e2e_tf.training.run import open_run


def test_features_are_the_same_tables_in_python_and_c_plus_plus(tables: Callable[..., Any]) -> None:
    """Name by name; that they give the same values is tested with jets below."""
    found = tables()

    def words(what: str, names: tuple[str, ...]) -> str:
        return " ".join([what, *names])

    assert found["candidate"] == [
        [
            quantity.feature.raw,
            words("sources", quantity.sources),
            words("jet", quantity.jet_sources),
            words("uses_up", quantity.uses_up),
            f"keeps {int(quantity.keeps)}",
        ]
        for quantity in CANDIDATES
        if quantity.formula is not None
    ]
    assert [name for (name,) in found["input"]] == [*INPUT_COLUMNS]
    assert found["channel"] == [list(pair) for pair in zip(CHANNELS, HIT_ENERGIES, strict=True)]
    derivatives = [f"{channel}_{name}" for (name,) in found["derivative"] for channel in CHANNELS]
    assert [feature.raw for feature in HIT_FEATURES] == [*HIT_ENERGIES, "deta", "dphi", *derivatives]


def test_transforms_and_delta_phi_are_those_of_python(tables: Callable[..., Any]) -> None:
    rng = np.random.default_rng(5)
    turn = 2 * np.pi
    edges = [
        0.0,
        np.pi,
        -np.pi,
        turn,
        -turn,
        np.nextafter(np.pi, 4),
        np.nextafter(-np.pi, -4),
        0.5,
        5.9,
        1e-300,
    ]
    pairs = np.array([(a, b) for a in edges for b in edges] + rng.uniform(-7, 7, (200, 2)).tolist())
    raw = np.array(
        [0, 1e-9, 1e-6, 0.3, 1, 2.5, 1e4, 1e30, -1e-6, -0.3, -0.9999, -3, -1e30, np.inf], np.float32
    )
    found = tables(*(float(v).hex() for v in pairs.ravel()), "--", *map(repr, map(float, raw)))
    wrapped = [float.fromhex(value) for (value,) in found["delta_phi"]]
    np.testing.assert_array_equal(wrapped, delta_phi(pairs[:, 0], pairs[:, 1]))
    assert [name for name, _ in found["transform"]] == list(TRANSFORMS)
    for name, values in found["transform"]:
        with np.errstate(invalid="ignore"):
            expected = transformed(Feature("x", "", "", name), raw)
        np.testing.assert_allclose(np.array(values.split(), np.float32), expected, rtol=3e-7, atol=1e-7)


def test_cones_and_densities_of_events_are_those_of_the_simulation(tables: Callable[..., Any]) -> None:
    from e2e_tf.sim.kinematics import four_momentum
    from e2e_tf.sim.pileup import density

    rng = np.random.default_rng(6)
    for count in (0, 40, 900):
        pt = rng.choice([0.5, 1.0, 2.0], count) * rng.choice([1.0, 1.3], count)  # equal ones keep their order
        eta, phi = rng.uniform(-3, 3, count), rng.uniform(-np.pi, np.pi, count)
        axis, radius = (0.4, 3.1), 0.6
        words = [*axis, radius, *np.stack([pt, eta, phi], axis=1).ravel()]
        found = tables("event", *(float(word).hex() for word in words))
        wanted = density(np.zeros(count, np.int64), four_momentum(pt, eta, phi, np.zeros(count)), 1)[0]
        assert float.fromhex(found["density"][0][0]) == pytest.approx(wanted, rel=1e-12)
        near = np.flatnonzero(np.hypot(eta - axis[0], delta_phi(phi, axis[1])) < radius)
        order = near[np.argsort(-pt[near], kind="stable")]
        assert np.array(found["rows"][0][0].split(), int).tolist() == order.tolist()


def test_working_points_in_bins_are_those_of_python(tables: Callable[..., Any]) -> None:
    """At both edges of bins, between and outside of them, beside edges in double precision, at thresholds; NaN."""
    point = PtPoint(0.7, (10.0, 20.5, 40.0), (20.5, 30.0, 1e3), (0.3, 0.7, 0.1), (0.7, 0.7, 0.7))
    edges = [10.0, 20.5, 30.0, 40.0, 1e3]
    pt = [*edges, *(edge * (1 + e) for edge in edges for e in (-1e-9, 1e-9, -0.01, 0.01)), 0, np.nan, np.inf]
    scores = [
        *(x for t in point.threshold for x in (np.float32(t), np.nextafter(np.float32(t), 0))),
        0.9,
        np.nan,
    ]
    pairs = np.array([(score, value) for value in pt for score in scores], np.float64)

    def found(bins: list[tuple[float, float, float]], values: np.ndarray) -> Any:
        words = [*np.ravel(bins), *values.ravel()]
        return tables("point", str(len(bins)), *(float(word).hex() for word in words))

    bins = list(zip(point.low, point.high, point.threshold, strict=True))
    told = found(bins, pairs)
    expected = point.passes(pairs[:, 0], pairs[:, 1])
    assert told["valid"] == [["1"]]
    np.testing.assert_array_equal(np.array(told["passes"][0][0].split(), int), expected)
    assert 0.2 < expected.mean() < 0.7
    for wrong in (
        [(10, 20, 0.5), (19, 30, 0.5)],
        [(10, 10, 0.5)],
        [(20, 30, 0.5), (10, 20, 0.5)],
        [(np.nan, 5, 1)],
    ):
        assert found(wrong, pairs[:1])["valid"] == [["0"]], wrong


def random_jets(n: int, seed: int, most: int = 24) -> Jets:
    """Jets with candidates and hits: ties, coincident nodes, nodes across the seam of φ, empty jets."""
    rng = np.random.default_rng(seed)
    counts = np.where(rng.random(n) < 0.05, 0, rng.integers(0, most + 1, n))
    rows = int(counts.sum())
    owner = np.repeat(np.arange(n), counts)
    kind = rng.integers(0, 4, n)[owner]
    spread = rng.choice([0.05, 0.3, 0.8], n)[owner]
    deta, dphi = (rng.normal(0, spread) for _ in range(2))
    deta = np.where(
        rng.random(rows) < 0.005, 8 * deta, deta
    )  # a Delaunay graph of more than 4 rad is coarser
    grid = rng.integers(-3, 4, (2, rows)) * 0.125
    deta, dphi = np.where(kind == 0, grid[0], deta), np.where(kind == 0, grid[1], dphi)
    deta, dphi = np.where(kind == 1, 0.1, deta), np.where(kind == 1, -0.2, dphi)
    dphi = np.where(kind == 2, np.pi - 0.05 + 0.1 * rng.random(rows), dphi)
    dphi = delta_phi(dphi, 0.0)
    columns: dict[str, Any] = {
        "pt": rng.choice([0.0, 0.5, 1.0, 2.0, 80.0], rows) * rng.choice([1.0, 1.37], rows),
        "energy": rng.exponential(5, rows),
        "deta": deta,
        "dphi": dphi,
        "charge": rng.integers(-1, 2, rows),
        "d0": rng.normal(0, 0.1, rows),
        "dz": rng.normal(0, 3, rows),
        "d0_error": rng.choice([0.0, 0.01, 0.2], rows),
        "dz_error": rng.choice([0.0, 0.3], rows),
    }
    columns = {name: values.astype(np.float32) for name, values in columns.items()}
    columns["pdg_id"] = rng.choice([211, -211, 130, 22, 11, -13], rows).astype(np.int32)
    hits = {}
    empty = rng.random(n) < 0.05
    eta, phi = rng.uniform(-2, 2, n), rng.uniform(-np.pi, np.pi, n)
    for channel, side in (("track", CRYSTALS), ("ecal", CRYSTALS), ("hcal", TOWERS)):
        found = rng.integers(0, most // 2 + 1, n)
        found[empty | (rng.random(n) < 0.1)] = 0
        spots = int(found.sum())
        middle = rng.choice([side // 2, 2, side - 3], n).repeat(found)
        row, column = (np.clip(middle + rng.integers(-4, 5, spots), 0, side - 1) for _ in range(2))
        value = rng.choice([0.0, 0.25, 1.5, 7.0], spots) * rng.choice([1.0, 1.37], spots)
        cells = {"cell": (row * side + column).astype(np.int32), "value": value.astype(np.float32)}
        hits[channel] = Ragged.from_counts(cells, found)
    ieta, iphi = window_corner(eta, phi)
    jet = {"pt": rng.exponential(30, n), "mass": rng.exponential(3, n), "eta": eta, "phi": phi}
    return Jets(
        columns={k: v.astype(np.float32) for k, v in jet.items()} | {"ieta": ieta, "iphi": iphi},
        event=np.arange(n),
        weight=np.ones(n, np.float32),
        hits=hits,
        candidates=Ragged.from_counts(columns, counts),
    )


@pytest.mark.parametrize(
    ("nodes", "edges", "count", "limit"),
    [
        ("candidates", "knn:3+radius:0.2+delaunay", 3_000, 15),
        ("hits", "knn:3+delaunay", 1_500, 0),
        ("hits", "grid8+radius:0.05", 300, 12),
        ("candidates", "full", 200, 0),
    ],
)
def test_random_jets_give_the_same_edges_and_features(
    sanitized: Path,
    inputs_like: Callable[..., Preprocess],
    tmp_path: Path,
    nodes: str,
    edges: str,
    count: int,
    limit: int,
) -> None:
    preprocess = with_node_inputs(inputs_like(nodes=nodes, edges=edges, max_nodes=limit), ("points", "p4"))
    assert compare(sanitized, preprocess, random_jets(count, 11), tmp_path, False) > 4 * count


def test_random_jets_give_the_same_padded_tensors(
    sanitized: Path, runs: dict[str, Path], tmp_path: Path
) -> None:
    compare(sanitized, open_run(runs["padded"]).preprocess, random_jets(2000, 12), tmp_path, True)


@pytest.mark.parametrize("kind", ["padded", "edges"])
def test_the_shipped_sample_gives_the_same_tensors(
    sanitized: Path, runs: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    jets = read_jets(sample_path("tau"), stop=500)
    compare(sanitized, open_run(runs[kind]).preprocess, jets, tmp_path, kind == "padded")


@pytest.mark.parametrize(
    ("nodes", "edges", "count"),
    [
        ("hits", "knn:8", 400),
        ("hits", "delaunay", 400),
        ("hits", "radius:0.05", 400),
        ("hits", "grid8", 400),
        ("hits", "full", 60),
        ("candidates", "knn:8", 2000),
        ("candidates", "delaunay", 2000),
        ("candidates", "radius:0.1", 2000),
        ("candidates", "full", 2000),
    ],
)
def test_shipped_jets_have_the_same_edges_of_every_kind(
    sanitized: Path, tmp_path: Path, nodes: str, edges: str, count: int
) -> None:
    """All shipped jets are compared within Python, see test_jets.py; sanitizers make this one slow."""
    jets = read_jets(sample_path("tau"), stop=count)
    recipe = GraphRecipe(nodes, edges, node_features=("deta",), jet_features=())
    preprocess = build_graphs(jets, recipe).fit_preprocess(recipe)
    assert compare(sanitized, preprocess, jets, tmp_path, False, batch=500) > 2 * len(jets)


def test_columns_that_the_sample_has_are_kept_or_replaced_as_in_python(
    sanitized: Path, inputs_like: Callable[..., Preprocess], tmp_path: Path
) -> None:
    preprocess = inputs_like(edges="knn:4", max_nodes=0)
    jets = random_jets(50, 15)
    assert jets.candidates is not None
    given = {"is_photon": jets.candidates["charge"] == 0, "delta_r": jets.candidates["pt"] + 1}
    columns = {k: np.asarray(v, np.float32) for k, v in given.items()} | dict(jets.candidates.columns)
    columns["mass"] = jets.candidates["d0"] * 3
    jets = replace(jets, candidates=Ragged(columns, jets.candidates.offsets))
    for massive in (True, False):  # of a training without masses, those of other samples are not taken
        exact = with_node_inputs(replace(preprocess, extra={"massive": massive}), ("p4",))
        compare(sanitized, exact, jets, tmp_path, False)
        x, width = graphs_of(jets, exact).batch.x, len(preprocess.node_features.features)
        np.testing.assert_array_equal(x[:, -1], massive * columns["mass"])
        assert x.shape[1] == width + 4
    assert compare(sanitized, preprocess, jets, tmp_path, False) > 200


def test_other_coordinates_wrap_where_they_are_called_phi(
    sanitized: Path, inputs_like: Callable[..., Preprocess], tmp_path: Path
) -> None:
    options: dict[str, Any] = {"coordinates": ("dphi", "deta", "dz"), "jet_features": (), "max_nodes": 0}
    preprocess = inputs_like(edges="knn:4", **options)
    assert compare(sanitized, preprocess, random_jets(300, 13), tmp_path, False) > 1000


@pytest.mark.parametrize("coordinates", [(), ("eta", "phi")])
@pytest.mark.parametrize("padded", [False, True])
def test_angles_of_any_range_and_broken_coordinates_are_one_rule(
    sanitized: Path, make_run: Callable[..., Path], tmp_path: Path, padded: bool, coordinates: tuple[str, ...]
) -> None:
    """φ in [0, 2π), Δφ not wrapped, directions and jet quantities of NaN, infinities and 1e30: the same tensors."""
    rng = np.random.default_rng(17)
    jets = random_jets(400, 16)
    assert jets.candidates is not None
    columns = dict(jets.candidates.columns)
    phi = delta_phi(jets["phi"][jets.candidates.owner] + columns["dphi"], 0.0)
    columns |= {"phi": (phi % (2 * np.pi)).astype(np.float32), "eta": columns["deta"] + np.float32(0.3)}
    columns["dphi"] = columns["dphi"] + rng.choice([-2 * np.pi, 0, 2 * np.pi], len(phi)).astype(np.float32)
    odd = rng.choice(np.array([np.nan, np.inf, -np.inf, 1e30, -2e6], np.float32), len(phi))
    for name in ("eta", "phi", "deta", "dphi"):
        columns[name] = np.where(rng.random(len(phi)) < 0.03, odd, columns[name])
    of_jets = {name: np.where(rng.random(400) < 0.1, odd[:400], jets[name]) for name in ("pt", "mass")}
    jets = replace(
        jets,
        candidates=Ragged(columns, jets.candidates.offsets),
        columns=dict(jets.columns) | of_jets | {"phi": jets["phi"] % np.float32(2 * np.pi)},
    )
    recipe = GraphRecipe(
        "candidates", "knn:3+radius:0.2", coordinates=coordinates, jet_features=("pt", "phi"), max_nodes=15
    )
    data = build_graphs(jets, recipe)
    assert (np.abs(data.positions) <= [1e6, np.float32(np.pi)]).all()
    wrapped = build_graphs(random_jets(400, 16), replace(recipe, coordinates=(), jet_features=("pt",)))
    if not coordinates:  # most jets are whole: their edges are those of angles within half a turn
        same = [
            a.senders.tolist() == b.senders.tolist()
            for a, b in ((data.batch.take([i]), wrapped.batch.take([i])) for i in range(400))
        ]
        assert 150 < sum(same) < 400
    exact = with_node_inputs(data.fit_preprocess(recipe), ("p4", "points"))
    compare(sanitized, exact, jets, tmp_path, padded)
    found, inputs = graphs_of(jets, exact).batch.x[:, -6:], data.node_inputs()
    np.testing.assert_array_equal(found[:, :2], inputs["points"])
    np.testing.assert_array_equal(found[:, 2:5], inputs["p4"][:, :3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["graph"].update(edges="knn:0"), "positive number"),
        (lambda d: d["graph"].update(edges="voronoi"), "must be made of knn"),
        (
            lambda d: d["x"]["var_infos"]["deta"].update(transform="sqrt"),
            "the transform must be one of identity",
        ),
        (lambda d: d["x"]["var_infos"].pop("deta"), "not a preprocess.json"),
        (lambda d: d["x"]["var_infos"]["deta"].update(pad=9.0), "must lie between its bounds"),
        (lambda d: d["x"]["var_infos"]["deta"].update(raw="spin"), "there is no input spin"),
        (lambda d: d["graph"].update(nodes="tracks"), "must be hits, candidates or detector, not tracks"),
    ],
)
def test_a_damaged_preprocess_json_ends_with_2(
    sanitized: Path, runs: dict[str, Path], tmp_path: Path, change: Callable[[Any], Any], message: str
) -> None:
    document = open_run(runs["edges"]).preprocess.to_dict()
    change(document)
    (tmp_path / "preprocess.json").write_text(json.dumps(document))
    write_candidates(tmp_path / "jets.bin", random_jets(3, 1))
    done = subprocess.run(
        [sanitized, "build", tmp_path / "preprocess.json", tmp_path / "jets.bin", tmp_path / "out"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("cut", [0, 7, 12, 100, -1])
def test_a_truncated_file_of_jets_ends_with_2(
    sanitized: Path, runs: dict[str, Path], tmp_path: Path, cut: int
) -> None:
    write_candidates(tmp_path / "jets.bin", random_jets(3, 1))
    (tmp_path / "short.bin").write_bytes((tmp_path / "jets.bin").read_bytes()[:cut])
    done = subprocess.run(
        [
            sanitized,
            "build",
            runs["edges"] / "preprocess.json",
            tmp_path / "short.bin",
            tmp_path / "out",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "file of jets" in done.stderr


def test_mutated_input_gives_errors_or_tensors(
    sanitized: Path, runs: dict[str, Path], tmp_path: Path
) -> None:
    corpus = []
    write_candidates(tmp_path / "jets.bin", random_jets(4, 2, most=6))
    for kind, run in runs.items():
        preprocess = open_run(run).preprocess
        document = padded_preprocess(preprocess) if kind == "padded" else preprocess.to_dict()
        path = tmp_path / f"{kind}.seed"
        path.write_bytes(json.dumps(document).encode() + b"\0" + (tmp_path / "jets.bin").read_bytes())
        corpus.append(path)
    done = subprocess.run([sanitized, "fuzz", "4000", "7", *corpus], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("kind", ["padded", "edges"])
@pytest.mark.parametrize("backend", ["onnx", "tf", "savedmodel"])
def test_scores_are_those_of_keras(
    toolchain: Any,
    runner: Path,
    bundles: dict[str, Path],
    runs: dict[str, Path],
    tmp_path: Path,
    kind: str,
    backend: str,
) -> None:
    from e2e_tf.training.predict import predict

    jets = random_jets(300, 14)
    write_candidates(tmp_path / "jets.bin", jets)
    command = [runner, "--backend", backend, "--threads", "8", "--batch", "7", "--repeat", "6"]
    done = subprocess.run(
        [*command, "--scores", tmp_path / "scores.bin", bundles[kind], tmp_path / "jets.bin"],
        capture_output=True,
        text=True,
    )
    if "built without" in done.stderr:
        pytest.skip(toolchain.missing)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["jets"], report["outputs"], report["threads"]) == (1800, 1, 8)
    assert report["growth_kib"] < 20_000
    run = open_run(runs[kind])
    expected = predict(run.model(), graphs_of(jets, run.preprocess))
    found = np.fromfile(tmp_path / "scores.bin", "<f4").reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_scores_of_raw_jets_are_in_the_units_of_their_quantities(
    toolchain: Any, runner: Path, bundles: dict[str, Path], runs: dict[str, Path], tmp_path: Path
) -> None:
    """A score that was learned relative to the jet's pT is multiplied by it, as predict does."""
    from e2e_tf.training.predict import predict

    folder = Path(shutil.copytree(bundles["padded"], tmp_path / "copy"))
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    meaning = {"kind": "regression", "column": "visible_pt", "unit": "GeV", "relative_to": "pt"}
    manifest["outputs"][0]["meaning"] = {"score": meaning}
    write_manifest(folder, manifest)
    jets = random_jets(20, 18)
    jets.columns["pt"][3:5] = 0, -2  # relative to these a score is not a number
    write_candidates(tmp_path / "jets.bin", jets)
    command = [runner, "--backend", "onnx", "--batch", "7", "--scores", tmp_path / "scores.bin"]
    done = subprocess.run([*command, folder, tmp_path / "jets.bin"], capture_output=True, text=True)
    if "built without" in done.stderr:
        pytest.skip(toolchain.missing)
    assert done.returncode == 0, done.stderr
    run = open_run(runs["padded"])
    expected = predict(run.model(), graphs_of(jets, run.preprocess))[:, 0] * jets["pt"]
    expected[3:5] = np.nan
    found = np.fromfile(tmp_path / "scores.bin", "<f4")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_validate_includes_the_runner(runner: Path, bundles: dict[str, Path], tmp_path: Path) -> None:
    from e2e_tf.deploy.validate import validate

    folder = Path(shutil.copytree(bundles["padded"], tmp_path / "copy"))
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    del manifest["formats"]["saved_model"]  # its backend is the frozen graph's, and starts slowly
    write_manifest(folder, manifest)
    found = [a for a in validate(folder, jets=1, runner=runner) if "in C++" in a.runtime]
    by_name = {a.runtime.split(" (")[0]: a for a in found}
    tensors, raw = by_name["frozen graph in C++"], by_name["frozen graph in C++ from raw jets"]
    assert tensors.passed
    assert tensors.jets >= 2000  # all that the runtimes score in Python
    assert raw.passed
    assert raw.jets > 200  # of the shipped sample, and broken ones
    for name in by_name:
        assert by_name[name].passed or by_name[name].missing == "built without onnx"
    with pytest.raises(InputError, match="there is no runner"):
        validate(bundles["padded"], jets=1, runner=tmp_path / "none")


def test_the_runner_refuses_a_bundle_that_has_changed(
    runner: Path, bundles: dict[str, Path], tmp_path: Path, resign: Any
) -> None:
    write_candidates(tmp_path / "jets.bin", random_jets(2, 1))

    def said(folder: Path, jets: str = "jets.bin", backend: str = "tf") -> str:
        command = [runner, "--backend", backend, folder, tmp_path / jets]
        done = subprocess.run(command, capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stderr

    def changed(name: str, change: Any) -> Path:
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        folder = Path(shutil.copytree(bundles["padded"], tmp_path / "copy"))
        (folder / name).write_bytes(change((folder / name).read_bytes()))
        return folder

    assert said(changed("manifest.json", lambda text: text)) == ""
    threshold = changed(
        "manifest.json", lambda text: text.replace(b'"working_points": []', b'"working_points": [{}]')
    )
    assert "manifest.json has changed: its SHA-256 is " in said(threshold)
    for name in ("preprocess.json", "model.pb"):
        assert f"{name} has changed: its SHA-256 is " in said(changed(name, lambda text: text + b"\n"))
    saved = changed("saved_model/saved_model.pb", lambda text: text + b"\n")
    assert "saved_model/saved_model.pb has changed" in said(saved, backend="savedmodel")
    assert said(saved) == ""  # it is not read
    before = changed(
        "manifest.json", lambda text: text.replace(b'"format_version": 2', b'"format_version": 1')
    )
    assert "was written before manifests had a checksum; 'e2e-tf export' writes it anew" in said(before)
    unlisted = changed("manifest.json", lambda text: text.replace(b'"manifest.json":', b'"manifest":'))
    assert "manifest.json lists no checksum of manifest.json" in said(unlisted)
    for rest in (0, 55, 56, 63):  # where the padding of SHA-256 takes one block or two
        folder = changed("preprocess.json", lambda text, rest=rest: text + b" " * ((rest - len(text)) % 64))
        resign(folder, "preprocess.json")
        assert "there is no file of jets" in said(folder, jets="none.bin")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\1\0\0\0x\0\0\0\0", "must have rank 1 to 8"),
        (b"\1\0\0\0x\1\0\0\0" + struct.pack("<q", -1), "has a length that cannot be"),
        (b"\1\0\0\0x\1\0\0\0" + struct.pack("<q", 1 << 20), "is truncated"),
        (b"\1\0\0\0x\1", "is truncated"),
    ],
)
def test_a_damaged_file_of_tensors_ends_with_2(
    runner: Path, bundles: dict[str, Path], tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "tensors.bin").write_bytes(content)
    command = [runner, "--backend", "tf", "--input", "tensors", bundles["padded"], tmp_path / "tensors.bin"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "usage: e2e_tf_run"),
        (["--backend", "tpu", "BUNDLE", "JETS"], "the backend must be onnx, tf or savedmodel, not 'tpu'"),
        (
            ["--backend", "tf", "--threads", "0", "BUNDLE", "JETS"],
            "--threads must be a positive integer, not '0'",
        ),
        (["--backend", "tf", "--threads", "-1", "BUNDLE", "JETS"], "not '-1'"),
        (["--backend", "tf", "BUNDLE", "none.bin"], "there is no file of jets none.bin"),
        (["--backend", "tf", "--colour", "red", "BUNDLE", "JETS"], "unknown option --colour"),
        (
            ["--backend", "tf", "--input", "hits", "BUNDLE", "JETS"],
            "--input must be jets or tensors, not 'hits'",
        ),
    ],
)
def test_the_runner_explains_bad_input(
    runner: Path, bundles: dict[str, Path], tmp_path: Path, arguments: list[str], message: str
) -> None:
    write_candidates(tmp_path / "jets.bin", random_jets(2, 1))
    names = {"BUNDLE": str(bundles["padded"]), "JETS": str(tmp_path / "jets.bin")}
    done = subprocess.run([runner, *(names.get(a, a) for a in arguments)], capture_output=True, text=True)
    assert done.returncode == 2
    assert message in done.stderr


def test_the_random_jets_have_what_they_promise() -> None:
    jets = random_jets(200, 11)
    quantities, n_node = candidate_quantities(jets)
    assert n_node.min() == 0
    assert quantities["dphi"].max() > 3.1
    assert quantities["dphi"].min() < -3.1
    _, n_hits, _ = hit_quantities(jets)
    assert n_hits.min() == 0
    assert n_hits.max() > 10
