"""The CMSSW package compiles and scores jets as Python does, with CMSSW's rules and the real runtimes below."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cmssw_driver import (
    LANGUAGE,
    PACKAGE,
    POINTS,
    Built,
    compiler_flags,
    configured,
    edges_of,
    events_text,
    own_candidates,
    products,
    python_jets,
    random_event,
    with_points,
    write_config,
)

from e2e_tf.data.features import CANDIDATE_FEATURES, CANDIDATES, JET_FEATURES, PARTICLE_KINDS
from e2e_tf.data.graphs import graphs_of
from e2e_tf.deploy.cmssw import CANDIDATE_QUANTITIES, DERIVED_QUANTITIES, JET_QUANTITIES, cmssw_package
from e2e_tf.deploy.signing import write_manifest
from e2e_tf.errors import InputError
from e2e_tf.files import sha256
from e2e_tf.training.pt_points import pt_points
from e2e_tf.training.run import open_run


def test_four_streams_score_events_as_python_does(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from e2e_tf.training.predict import predict

    rng = np.random.default_rng(2)
    sizes: list[tuple[str, list[int]]] = [
        ("jet", []),
        ("jet", [7]),
        ("jet", [0]),
        ("tau", [0, 9, 1]),
        ("ak8", [30]),
    ]
    sizes += [("jet", rng.integers(0, 31, 40).tolist()), ("tau", [20, 21]), ("jet", [])]
    events = [(kind, random_event(rng, counts)) for kind, counts in sizes * 4]
    for number, jet in enumerate(jet for _, found in events for jet in found):
        rows = jet["rows"]
        if number % 3 == 0:  # angles in [0, 2π)
            jet["phi"], rows["phi"] = jet["phi"] % np.float32(2 * np.pi), rows["phi"] % np.float32(2 * np.pi)
        if number % 4 == 1:  # no numbers, as features and as coordinates
            rows["d0"][::3], rows["dz"][::4], rows["dz_error"][1::5] = np.nan, np.inf, np.nan
            rows["eta"][2::7], jet["mass"] = np.nan, np.float32(np.nan)
        if number % 50 == 10:
            jet["pt"] = np.float32(np.nan)
    (tmp_path / "events").write_text(events_text(events))
    run = open_run(built.trained)
    jets = python_jets([jet for _, found in events for jet in found])
    expected = predict(run.model(), graphs_of(jets, run.preprocess))[:, 0]
    assert np.ptp(expected) > 0.05
    modules = configured(built, tmp_path, monkeypatch)
    import FWCore.ParameterSet.Config as cms

    # The package's own module holds the points of the manifest; these here part the scores.
    stored = [point.parameters for point in modules["e2ETagger"].parameters["workingPoints"].value]
    assert [p["name"].value for p in stored] == ["eff50", "eff70", "eff90"]
    assert [p["threshold"].value for p in stored] == [p["threshold"] for p in POINTS]
    cuts = np.quantile(expected, [0.8, 0.5, 0.2]).tolist()
    # In bins of pT with a gap, whose edges are momenta of jets; every jet in a bin passes the last one.
    edges = np.sort(jets["pt"])[[5, 60, 80, 150]].tolist()
    thresholds = ([cuts[0], cuts[2], 0.0], [cuts[1], cuts[1], 0.0])
    binned = pt_points(
        [
            {
                "low": low,
                "high": high,
                "working_points": [
                    {"target": target, "threshold": cut, "signal_efficiency": target}
                    for target, cut in zip((0.5, 0.9, 1.0), of_bin, strict=True)
                ],
            }
            for low, high, of_bin in zip(edges[::2], edges[1::2], thresholds, strict=True)
        ]
    )
    plain = [cms.PSet(**stored[0] | {"threshold": cms.double(cut)}) for cut in cuts]
    in_bins = [
        cms.PSet(
            name=cms.string("binned"),
            score=cms.string("score"),
            pt_low=cms.vdouble(*point.low),
            pt_high=cms.vdouble(*point.high),
            thresholds=cms.vdouble(*point.threshold),
        )
        for point in binned
    ]
    points = cms.VPSet(*plain, *in_bins)
    assert np.isnan(jets["pt"]).any()
    assert sum(np.count_nonzero(jets["pt"] == np.float32(edge)) for edge in edges) >= 4
    for backend in ("ONNX", "TF"):
        module = own_candidates(modules[f"e2ETagger{backend}"], workingPoints=points)
        for form, changed in (("padded", module), ("edges", edges_of(module, backend))):
            config, out = write_config(changed, tmp_path / "config"), tmp_path / "out"
            done = built.run(built.driver, "events", module.plugin, config, tmp_path / "events", out, 4)
            assert done.returncode == 0, (backend, form, done.stderr)
            # One session for all streams, each of which had its share of the events.
            assert done.stdout == "sessions 1 streams 8 8 8 8\n"
            found = products(out)
            assert found.keys() == {"score", "workingPoints"}
            assert [len(values) for values in found["score"]] == [len(jets) for _, jets in events]
            scores = np.concatenate(found["score"])
            np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-5, err_msg=f"{backend} {form}")
            bits = sum((scores >= np.float32(cut)).astype(int) << i for i, cut in enumerate(cuts))
            decided = np.concatenate(found["workingPoints"]).astype(int)
            np.testing.assert_array_equal(decided & 7, bits)
            assert set(bits.tolist()) == {0, 4, 6, 7}
            for bit, point in enumerate(binned, 3):
                np.testing.assert_array_equal(decided >> bit & 1, point.passes(scores, jets["pt"]))
            np.testing.assert_array_equal(decided >> 5 & 1, binned[0].bins(jets["pt"]) >= 0)
            assert set((decided >> 3).tolist()) == {0, 4, 6, 7}
    # A score that was learned as a ratio is given in the unit of its quantity.
    module = own_candidates(modules["e2ETaggerONNX"], relative_to=cms.vstring("pt"))
    config = write_config(module, tmp_path / "config")
    done = built.run(built.driver, "events", module.plugin, config, tmp_path / "events", out, 1)
    assert done.returncode == 0, done.stderr
    wanted = expected * jets["pt"]
    np.testing.assert_allclose(np.concatenate(products(out)["score"]), wanted, rtol=2e-5, atol=0)
    # NaN, which passes no working point, where the quantity is not positive.
    module = own_candidates(modules["e2ETaggerONNX"], relative_to=cms.vstring("eta"), workingPoints=points)
    config = write_config(module, tmp_path / "config")
    done = built.run(built.driver, "events", module.plugin, config, tmp_path / "events", out, 1)
    assert done.returncode == 0, done.stderr
    found = products(out)
    wanted = np.where(jets["eta"] > 0, expected * jets["eta"], np.nan)
    assert 0 < np.isnan(wanted).sum() < len(wanted)
    np.testing.assert_allclose(np.concatenate(found["score"]), wanted, rtol=2e-5, atol=0)
    assert not np.concatenate(found["workingPoints"])[np.isnan(wanted)].any()


def test_the_unit_test_of_the_package_passes_and_can_fail(built: Built, tmp_path: Path) -> None:
    done = built.run(built.parity)
    assert done.returncode == 0, done.stderr
    differences = re.findall(
        r"^(e2ETagger\w+): largest difference of a score (\S+)$", done.stdout, re.MULTILINE
    )
    assert [name for name, _ in differences] == ["e2ETaggerONNX", "e2ETaggerTF"]
    assert all(float(value) <= 1e-5 for _, value in differences)
    shutil.copytree(built.base / PACKAGE, tmp_path / PACKAGE)
    file = tmp_path / PACKAGE / "test" / "parity.txt"
    lines = file.read_text().splitlines()
    lines[-2] = " ".join(
        str(float(value) + 1e-4) for value in lines[-2].split()
    )  # scores; then what is allowed
    file.write_text("\n".join(lines) + "\n")
    done = Built(tmp_path, built.driver, built.parity, built.bundle, built.trained).run(built.parity)
    assert done.returncode == 1
    assert "above what the manifest allows" in done.stdout


def test_the_unit_test_of_the_package_makes_tensors_of_raw_jets(built: Built, tmp_path: Path) -> None:
    """Recorded tensors give what they gave, whatever preprocess.json says; raw jets do not."""
    shutil.copytree(built.base / PACKAGE, tmp_path / PACKAGE)
    moved = Built(tmp_path, built.driver, built.parity, built.bundle, built.trained)
    inputs, jets = (tmp_path / PACKAGE / name for name in ("data/preprocess.json", "test/jets.bin"))
    document = json.loads(inputs.read_text())
    norm = document["features"]["var_infos"]["pt_log"]
    for change in ({"median": norm["median"] + 3}, {"norm_factor": -norm["norm_factor"]}):
        changed = {**document["features"]["var_infos"], "pt_log": norm | change}
        inputs.write_text(
            json.dumps({**document, "features": {**document["features"], "var_infos": changed}})
        )
        done = moved.run(built.parity)
        assert done.returncode == 1, change
        assert done.stdout.count("above what the manifest allows") == 2
    inputs.write_text(json.dumps(document))
    assert moved.run(built.parity).returncode == 0
    jets.write_bytes(jets.read_bytes()[:-1])
    done = moved.run(built.parity)
    assert done.returncode == 1
    assert done.stderr.endswith("the file of jets is truncated\n")


def test_a_producer_refuses_what_it_cannot_do(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = configured(built, tmp_path, monkeypatch)
    import FWCore.ParameterSet.Config as cms

    rng = np.random.default_rng(3)
    base = tmp_path / "other"
    shutil.copytree(built.base, base)
    document = json.loads((base / PACKAGE / "data" / "preprocess.json").read_text())
    infos = document["features"]["var_infos"]
    infos["deta"]["raw"], infos["charge"]["raw"], document["u"]["var_infos"]["mass_log1p"]["raw"] = (
        "spin",
        "kt",
        "area",
    )
    (base / PACKAGE / "data" / "odd.json").write_text(json.dumps(document))
    (base / PACKAGE / "data" / "broken.json").write_text("{}")
    moved = Built(base, built.driver, built.parity, built.bundle, built.trained)
    data = f"{PACKAGE}/data"
    point = cms.PSet(name=cms.string("a"), score=cms.string("mass"), threshold=cms.double(0.5))

    def in_bins(low: list[float], high: list[float], thresholds: list[float]) -> Any:
        lists = {"pt_low": low, "pt_high": high, "thresholds": thresholds}
        return cms.PSet(name=cms.string("b"), **{name: cms.vdouble(*of) for name, of in lists.items()})

    cases: list[tuple[dict[str, Any], str, str]] = [
        (
            {"preprocess_json": cms.FileInPath(f"{data}/odd.json")},
            "jet",
            "do not give: area (of the jet) kt spin",
        ),
        (
            {"preprocess_json": cms.FileInPath(f"{data}/broken.json")},
            "jet",
            "not a preprocess.json of e2e-tf",
        ),
        (
            {"preprocess_json": cms.FileInPath("RecoTauTag/Edges/data/preprocess.json")},
            "jet",
            "other tensors than",
        ),
        ({"score_names": cms.vstring("a", "b")}, "jet", "Got invalid dimensions for output: score"),
        ({"score_names": cms.vstring("a_b")}, "jet", "must be letters and digits, not a_b"),
        ({"workingPoints": cms.VPSet(point)}, "jet", "cuts on mass, which is no score"),
        *(
            (
                {"workingPoints": cms.VPSet(binned)},
                "jet",
                "Bins of pT of the working point b must rise and have",
            )
            for binned in (
                in_bins([10, 20], [20, 30], [0.5]),
                in_bins([10, 19], [20, 30], [0.5, 0.5]),
                in_bins([20], [10], [0.5]),
                in_bins([], [], [0.5]),
            )
        ),
        ({"model_output": cms.string("other")}, "jet", "other"),
        ({"model_inputs": cms.vstring("points", "features", "mask", "w")}, "jet", "Input u is not provided!"),
        ({"model_inputs": cms.vstring("points")}, "jet", "must have the same length, not 4 and 1"),
        ({"model_path": cms.FileInPath(f"{data}/none.onnx")}, "jet", "unable to find"),
        ({"batch_size": cms.uint32(0)}, "jet", "batch_size must be positive"),
        ({"src": cms.InputTag("slimmedJetsAK8")}, "jet", "ProductNotFound"),
        ({"rho": cms.InputTag("fixedGridRhoAll")}, "jet", "ProductNotFound"),
        ({}, "bare", "as in MiniAOD, or reco::PFCandidate; these are reco::Candidate"),
        (
            {"jet_correction": cms.string("L2L3")},
            "jet",
            "level L2L3 but Uncorrected L1FastJet L3Absolute; 'area'",
        ),
        ({"rho": cms.InputTag("")}, "jet", "rho is needed: name a product, or candidates of the event"),
        ({"candidates": cms.VInputTag("none")}, "jet", "ProductNotFound"),
        ({"candidates": cms.VInputTag("particleFlow")}, "reco", "set 'vertices' to a collection"),
    ]
    commands = []
    for i, (changes, kind, _) in enumerate(cases):
        (tmp_path / f"events{i}").write_text(events_text([(kind, random_event(rng, [3, 4]))]))
        module = own_candidates(modules["e2ETaggerONNX"], **changes)
        config = write_config(module, tmp_path / f"config{i}")
        commands.append(
            ["events", "E2ETaggerONNXProducer", config, tmp_path / f"events{i}", tmp_path / "out", 1]
        )
    for (_, _, message), (status, said) in zip(cases, moved.each(tmp_path, commands), strict=True):
        assert status == 3, message
        assert message in said


def test_the_package_compiles_for_releases_before_2026(built: Built, toolchain: Any) -> None:
    package = built.base / PACKAGE
    for source in (package / "plugins" / "E2ETaggerONNXProducer.cc", package / "test" / "testParity.cc"):
        flags = compiler_flags(toolchain, built.base, coming=False)
        command = [os.environ.get("CXX", "c++"), *flags, "-fsyntax-only", str(source)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("coming", [True, False])
def test_a_configuration_has_the_service_where_there_is_one(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coming: bool
) -> None:
    if coming:
        monkeypatch.syspath_prepend(LANGUAGE / "python_coming")
    modules = configured(built, tmp_path, monkeypatch)
    found = runpy.run_path(str(built.base / PACKAGE / "test" / "e2ETagger_cfg.py"))
    process = found["process"]
    assert process.e2ETagger.plugin == "E2ETaggerONNXProducer"
    assert process.services == (["ONNXService"] if coming else [])
    (tmp_path / "events").write_text(events_text([("jet", random_event(np.random.default_rng(1), [5]))]))
    config = write_config(modules["e2ETagger"], tmp_path / "config")
    done = built.run(
        built.driver,
        *("events", "E2ETaggerONNXProducer", config, tmp_path / "events", tmp_path / "out", 1),
        services=" ".join(process.services),
    )
    assert done.returncode == (0 if coming else 3)
    assert ("unable to find requested service cms::Ort::ONNXInterface" in done.stderr) != coming


@pytest.fixture(scope="module")
def both(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A package of the padded bundle, the one with edges and the one with further inputs of nodes, over the driver of
    the package of one model."""
    base, folder = tmp_path_factory.mktemp("both"), built.bundle.parent
    bundles = {"padded": built.bundle, "edges": folder / "edges", "exact": folder / "exact"}
    cmssw_package(bundles, base / "src")
    return replace(built, base=base / "src", behind=built.base)  # the defaults of the driver's plugins


def test_each_model_has_a_module_that_scores_as_python_does(
    both: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from e2e_tf.training.predict import predict

    rng = np.random.default_rng(4)
    events = [("jet", random_event(rng, counts)) for counts in ([5, 0, 12], [], [30], [1, 3])]
    (tmp_path / "events").write_text(events_text(events))
    jets = python_jets([jet for _, found in events for jet in found])
    expected = {}
    for names, folder in (
        (("Padded", "Edges"), both.trained),
        (("Exact",), both.trained.parent / "exact_run"),
    ):
        run = open_run(folder)
        scores = predict(run.model(), graphs_of(jets, run.preprocess))[:, 0]
        assert np.ptp(scores) > 0.01
        expected |= dict.fromkeys(names, scores)
    modules = configured(both, tmp_path, monkeypatch)
    import FWCore.ParameterSet.Config as cms

    # Each takes jets as its own bundle says; here both the same.
    levels = [modules[f"e2ETagger{name}"].parameters["jet_correction"].value for name in ("Padded", "Edges")]
    assert levels == ["L1FastJet", ""]
    for name, kept in (("Padded", {"score", "workingPoints"}), ("Edges", {"score"}), ("Exact", {"score"})):
        module = own_candidates(modules[f"e2ETagger{name}"], jet_correction=cms.string("L1FastJet"))
        assert module.parameters["model_path"].value == f"RecoTauTag/E2ETagger/data/{name}/model.onnx"
        config = write_config(module, tmp_path / "config")
        done = both.run(
            both.driver, "events", module.plugin, config, tmp_path / "events", tmp_path / "out", 2
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("sessions 1 ")  # of all streams of a module
        found = products(tmp_path / "out")
        assert found.keys() == kept
        np.testing.assert_allclose(np.concatenate(found["score"]), expected[name], rtol=0, atol=1e-5)


def test_the_unit_test_covers_every_model(both: Built, toolchain: Any, tmp_path: Path) -> None:
    objects = both.driver.parent / "objects"
    flags, compiler = compiler_flags(toolchain, both.base), os.environ.get("CXX", "c++")
    source = both.base / PACKAGE / "test" / "testParity.cc"
    command = [*toolchain.launcher, compiler, *flags, "-c", source, "-o", tmp_path / "testParity.o"]
    subprocess.run(command, check=True)
    parts = [
        p for p in objects.glob("*.o") if p.stem not in ("driver", "testParity") and "Producer" not in p.stem
    ]
    library = next((toolchain.onnxruntime / "capi").glob("libonnxruntime.so*"))
    libraries = [library, *(toolchain.tensorflow / f"libtensorflow_{n}.so.2" for n in ("cc", "framework"))]
    paths = f"-Wl,-rpath,{objects}:{toolchain.tensorflow}"
    command = [
        compiler,
        *filter(None, [toolchain.linker]),
        "-o",
        tmp_path / "parity",
        tmp_path / "testParity.o",
    ]
    command += [*parts, "-Wl,--no-as-needed", *libraries, paths, "-pthread"]
    subprocess.run(command, check=True)
    done = both.run(tmp_path / "parity")
    assert done.returncode == 0, done.stderr
    names = re.findall(r"^(\w+ \w+): largest difference of a score \S+$", done.stdout, re.MULTILINE)
    assert names == [f"e2ETagger{b} {m}" for m in ("Padded", "Edges", "Exact") for b in ("ONNX", "TF")]
    # A wrong model among the good ones fails it.
    base = tmp_path / "src"
    shutil.copytree(both.base, base)
    file = base / PACKAGE / "test" / "parityEdges.txt"
    lines = file.read_text().splitlines()
    lines[-2] = " ".join(str(float(value) + 1e-4) for value in lines[-2].split())
    file.write_text("\n".join(lines) + "\n")
    done = replace(both, base=base).run(tmp_path / "parity")
    assert done.returncode == 1
    failed = [
        line.split(":")[0] for line in done.stdout.splitlines() if "above what the manifest allows" in line
    ]
    assert failed == ["e2ETaggerONNX Edges", "e2ETaggerTF Edges"]


def test_plugins_are_those_of_a_package_of_one_model_but_for_their_defaults(
    both: Built, built: Built
) -> None:
    for file in ("plugins/TaggerProducer.h", "interface/OnnxBackend.h", "interface/TensorFlowBackend.h"):
        alone, together = (built.base / PACKAGE / file).read_text(), (both.base / PACKAGE / file).read_text()
        assert together.replace("/data/Padded/", "/data/") == alone
    for file in ("src/JetTensors.cc", "interface/JetTensors.h", "plugins/E2ETaggerONNXProducer.cc"):
        assert (built.base / PACKAGE / file).read_bytes() == (both.base / PACKAGE / file).read_bytes()


def onnx_file(path: Path, inputs: list[Any], output: Any, *nodes: Any) -> Path:
    import onnx

    graph = onnx.helper.make_graph(list(nodes), "g", inputs, [output])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_the_stand_ins_refuse_what_cmssw_refuses(built: Built, tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    def tensor(name: str, shape: list[Any], kind: int = TensorProto.FLOAT) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    same = helper.make_node("Identity", ["x"], ["y"])
    total = helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)
    first = helper.make_node("ReduceSum", ["x"], ["y"], keepdims=1)
    whole = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.INT64)
    as_float = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)
    matrix, integers = tensor("x", ["B", 2]), tensor("x", ["B", 2], TensorProto.INT64)
    good = "1 x float32 2 3 2 6 1 2 3 4 5 6"
    cases = [
        (matrix, tensor("y", ["B", 2]), same, good, ""),
        (matrix, tensor("y", []), total, good, "range_check"),
        (tensor("x", []), tensor("y", []), same, "1 x float32 0 1 5", "range_check"),
        (integers, tensor("y", ["B", 2]), as_float, good, "Unexpected input data type"),
        (matrix, tensor("y", ["B", 2], TensorProto.INT64), whole, good, "is not float32"),
        (matrix, tensor("y", [1, 1]), first, good, "Got invalid dimensions for output: y"),
        (matrix, tensor("y", ["B", 2]), same, "1 x float32 2 3 2 5 1 2 3 4 5", "wrong size of 5, expected 6"),
        (matrix, tensor("y", ["B", 2]), same, "1 x float32 2 3 4 12" + " 1" * 12, "Got invalid dimensions"),
        (matrix, tensor("y", ["B", 2]), same, "1 z float32 2 3 2 6 1 2 3 4 5 6", "Input x is not provided!"),
        (
            tensor("x", ["B", "N"]),
            tensor("y", ["B", "N"]),
            same,
            "1 x float32 2 1 0 0",
            "Output y has a dynamic dimension at index 1. Please pass output_shapes to runInto()",
        ),
    ]
    commands: list[list[Any]] = []
    messages = []
    for i, (source, output, node, text, message) in enumerate(cases):
        model = onnx_file(tmp_path / f"model{i}.onnx", [source], output, node)
        (tmp_path / f"inputs{i}").write_text(text)
        commands.append(["onnx", model, tmp_path / f"inputs{i}"])
        messages.append(message)

    graph = built.bundle / "model.pb"
    tensors = ["points:0 float32 3 1 2 1 2 0 0", "features:0 float32 3 1 16 1 16" + " 0" * 16]
    tensors += ["mask:0 float32 3 1 1 1 1 1", "u:0 float32 3 1 3 1 3 0 0 0"]
    for i, (change, name, message) in enumerate(
        [
            (("", ""), "score:0", ""),
            (("", ""), "scores:0", "the graph has no tensor scores:0"),
            (("u:0", "v:0"), "score:0", "the graph has no tensor v:0"),
            (("mask:0 float32", "mask:0 int64"), "score:0", "InvalidRun"),
            (("u:0 float32 3 1 3 1", "u:0 float32 2 1 3"), "score:0", "InvalidRun"),
        ]
    ):
        (tmp_path / f"tensors{i}").write_text(" ".join(["4", *tensors]).replace(*change, 1))
        commands.append(["tf", graph, name, tmp_path / f"tensors{i}"])
        messages.append(message)
    for message, (status, said) in zip(messages, built.each(tmp_path, commands), strict=True):
        assert status == (3 if message else 0), (message, said)
        assert message in said


def test_the_package_is_complete(bundles: dict[str, Path], tmp_path: Path) -> None:
    bundle = with_points(bundles["padded"], tmp_path / "bundle")
    package = cmssw_package(bundle, tmp_path / "out", package="HLTrigger/HLTTau")
    assert package == tmp_path / "out" / "HLTrigger" / "HLTTau"
    manifest = json.loads((package / "data" / "manifest.json").read_text())
    for name in ("model.onnx", "model.pb", "preprocess.json"):
        assert sha256(package / "data" / name) == manifest["checksums"][name]
    for path in package.rglob("*"):
        if path.suffix in (".cc", ".h", ".hpp", ".py", ".xml", ".md"):
            text = path.read_text()
            assert not re.search(r"@[A-Z_]+@", text), path
            assert '"e2e_tf/' not in text
            assert not re.search(r"^namespace e2e_tf\b", text, re.MULTILINE)
        if path.name == "BuildFile.xml":
            uses = {
                use.get("name") for use in ElementTree.fromstring(f"<b>{path.read_text()}</b>").iter("use")
            }
            assert ("json" in uses) == (path.parent == package)
            if path.parent != package:
                runtimes = {"PhysicsTools/ONNXRuntime", "PhysicsTools/TensorFlow", "HLTrigger/HLTTau"}
                assert runtimes <= uses
        if path.suffix == ".py":
            compile(path.read_text(), str(path), "exec")
    # The label follows CMSSW's own rule for names that begin with several capitals.
    assert (package / "python" / "hltTau_cff.py").is_file()
    assert (package / "test" / "hltTau_cfg.py").is_file()
    assert (package / "test" / "parity.txt").stat().st_size < 500_000
    readme = (package / "README.md").read_text()
    assert "cmsrel CMSSW_13_1_X" in readme
    assert "| 2 | eff90 | 0.35 | 0.900 | 1.00e-02 |" in readme


def test_a_package_for_an_older_release_has_onnx_only(bundles: dict[str, Path], tmp_path: Path) -> None:
    bundle = with_points(bundles["padded"], tmp_path / "bundle")
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["release"]["cmssw"] = "12_4"
    write_manifest(bundle, manifest)
    package = cmssw_package(bundle, tmp_path / "out")
    assert sorted(p.name for p in (package / "plugins").glob("*.cc")) == ["E2ETaggerONNXProducer.cc"]
    assert not (package / "interface" / "TensorFlowBackend.h").exists()
    assert "TensorFlow" not in (package / "plugins" / "BuildFile.xml").read_text()
    del manifest["formats"]["onnx"]
    write_manifest(bundle, manifest)
    with pytest.raises(InputError, match="in CMSSW_12_4 a package runs ONNX only"):
        cmssw_package(bundle, tmp_path / "out", force=True)


def test_force_replaces_the_package_and_nothing_else(bundles: dict[str, Path], tmp_path: Path) -> None:
    src = tmp_path / "src"
    package = cmssw_package(bundles["padded"], src)
    other = src / "RecoTauTag" / "Other" / "plugins" / "Mine.cc"
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    before = sorted(path.relative_to(package) for path in package.rglob("*"))
    (package / "README.md").write_text("changed")
    with pytest.raises(InputError, match="src exists already"):
        cmssw_package(bundles["padded"], src)
    assert cmssw_package(bundles["padded"], src, force=True) == package
    assert sorted(path.relative_to(package) for path in package.rglob("*")) == before
    assert (package / "README.md").read_text() != "changed"
    assert other.read_text() == "mine"
    mine = package / "plugins" / "Mine.cc"
    mine.write_text("mine")
    with pytest.raises(
        InputError, match=r"holds plugins/Mine\.cc, which 'e2e-tf cmssw' has not written; --force"
    ):
        cmssw_package(bundles["padded"], src, force=True)
    with pytest.raises(InputError, match="Other is not a package of 'e2e-tf cmssw'"):
        cmssw_package(bundles["padded"], src, package="RecoTauTag/Other", force=True)
    assert (mine.read_text(), other.read_text()) == ("mine", "mine")


def change_json(path: Path, change: Callable[[Any], Any]) -> None:
    document = json.loads(path.read_text())
    change(document)
    if path.name == "manifest.json":
        write_manifest(path.parent, document)
    else:
        path.write_text(json.dumps(document))


def rehash(bundle: Path, name: str = "preprocess.json") -> None:
    digest = sha256(bundle / name)
    change_json(bundle / "manifest.json", lambda d: d["checksums"].update({name: digest}))


def test_bad_input_leaves_nothing(
    bundles: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from e2e_tf import cli

    def refused(bundle: Path, message: str, *options: str, out: str = "out") -> None:
        monkeypatch.setattr("sys.argv", ["e2e-tf", "cmssw", str(bundle), "-o", str(tmp_path / out), *options])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert stop.value.code == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.startswith("e2e-tf: error: ")
        assert error.count("\n") == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == before

    damaged = tmp_path / "damaged"
    shutil.copytree(bundles["padded"], damaged)
    (damaged / "model.onnx").write_bytes(b"x")
    variables = tmp_path / "variables"
    shutil.copytree(bundles["padded"], variables)
    change_json(
        variables / "preprocess.json", lambda d: d["features"]["var_infos"]["charge"].update(raw="d0_error")
    )
    change_json(variables / "preprocess.json", lambda d: d["u"]["var_infos"]["pt_log"].update(raw="area"))
    rehash(variables)
    rules = tmp_path / "rules"
    shutil.copytree(bundles["padded"], rules)
    change_json(rules / "preprocess.json", lambda d: d["graph"].update(edges="knn:3+grid8"))
    rehash(rules)
    detector = tmp_path / "detector"
    shutil.copytree(bundles["padded"], detector)
    change_json(detector / "preprocess.json", lambda d: d["graph"].update(nodes="detector"))
    rehash(detector)
    saved = tmp_path / "saved"
    shutil.copytree(bundles["padded"], saved)
    change_json(
        saved / "manifest.json", lambda d: [d["formats"].pop(key) for key in ("onnx", "frozen_graph")]
    )
    tensors = tmp_path / "tensors"
    shutil.copytree(bundles["padded"], tensors)
    change_json(tensors / "manifest.json", lambda d: d.update(interface="tensors", graph=None))
    before = sorted(path.name for path in tmp_path.iterdir())

    refused(bundles["padded"], "must be Subsystem/Package in letters and digits", "--package", "E2ETagger")
    refused(bundles["padded"], "not 'Reco/../x'", "--package", "Reco/../x")
    refused(bundles["padded"], "exists already", out="damaged")
    refused(bundles["edges"], "nodes of this one are hits, which MiniAOD does not hold")
    refused(detector, "RECO does not give is_charged_hadron of an object, ")
    refused(damaged, "model.onnx has changed")
    refused(variables, "MiniAOD does not give d0_error of a candidate, area of a jet; a model may use pt, ")
    refused(rules, "links candidates by knn, radius, delaunay, full; this bundle needs grid8")
    refused(saved, "needs the format onnx or pb; this bundle holds saved_model")
    refused(tmp_path / "none", "there is no bundle")
    refused(tensors, "the padded or edges interface with one output, not tensors with 1")


def with_heads(bundle: Path, folder: Path, columns: dict[str, int], output: str | None) -> Path:
    """A copy of a bundle whose model seems to have several outputs, one of which was evaluated."""
    with_points(bundle, folder)

    def change(manifest: dict[str, Any]) -> None:
        manifest["outputs"][0] |= {"columns": columns, "shape": ["B", sum(columns.values())]}
        manifest["outputs"][0]["tolerance"] = {name: {"absolute": 1e-5, "relative": 1e-5} for name in columns}
        if output is not None:
            manifest["working_points"] = [{**point, "output": output} for point in POINTS]

    change_json(folder / "manifest.json", change)
    for file in ("outputs.npz", "jets.npz"):
        with np.load(folder / file) as held:
            arrays = dict(held)
        for name in arrays if file == "outputs.npz" else ("score",):
            arrays[name] = np.repeat(arrays[name], sum(columns.values()), axis=-1)
        np.savez(folder / file, **arrays)
        rehash(folder, file)
    return folder


@pytest.mark.parametrize(
    ("columns", "output", "score"),
    [
        ({"decay_mode": 4, "is_tau": 1, "visible_pt": 1}, "is_tau", "istau"),
        ({"a": 1, "b": 1}, "a", "a"),
        ({"a": 1, "b": 1}, "b", "b"),
        ({"tau": 1}, "tau", "score"),
        ({"tau": 1}, None, "score"),
    ],
)
def test_working_points_cut_on_the_output_that_was_evaluated(
    bundles: dict[str, Path], tmp_path: Path, columns: dict[str, int], output: str | None, score: str
) -> None:
    bundle = with_heads(bundles["padded"], tmp_path / "bundle", columns, output)
    package = cmssw_package(bundle, tmp_path / "src")
    text = (package / "python" / "e2ETagger_cff.py").read_text()
    assert re.findall(r'score=cms.string\("(\w+)"\)', text) == [score] * len(POINTS)


@pytest.mark.parametrize(
    ("columns", "output", "message"),
    [
        ({"a": 1, "b": 1}, None, r"\(a, b\), not none"),
        ({"a": 1, "mode": 3}, "mode", r"\(a\), not mode"),
        ({"a": 1, "b": 1}, "c", r"\(a, b\), not c"),
        ({"a": 2}, None, r"\(this model has none\), not a"),
    ],
)
def test_working_points_of_no_known_output_are_refused(
    bundles: dict[str, Path], tmp_path: Path, columns: dict[str, int], output: str | None, message: str
) -> None:
    bundle = with_heads(bundles["padded"], tmp_path / "bundle", columns, output)
    with pytest.raises(
        InputError, match=f"must name the output that it cuts on, one of a single column {message}$"
    ):
        cmssw_package(bundle, tmp_path / "src")
    assert not (tmp_path / "src" / "RecoTauTag" / "E2ETagger").exists()


def test_every_derived_quantity_has_its_sources() -> None:
    assert {"pt_fraction", "delta_r", "d0_significance", "dz_significance"} <= set(DERIVED_QUANTITIES)
    for quantity in CANDIDATES:
        if quantity.feature.raw in DERIVED_QUANTITIES:
            assert set(quantity.sources) <= CANDIDATE_QUANTITIES.keys()
            assert set(quantity.jet_sources) <= JET_QUANTITIES.keys()


def test_the_package_gives_every_feature_of_candidates() -> None:
    known = {*CANDIDATE_QUANTITIES, *DERIVED_QUANTITIES}
    assert known >= {feature.raw for feature in CANDIDATE_FEATURES}
    assert JET_QUANTITIES.keys() >= {feature.raw for feature in JET_FEATURES}
    for kind, code in PARTICLE_KINDS.items():
        assert CANDIDATE_QUANTITIES[f"is_{kind}"] == f"isKind(c, {code})"
