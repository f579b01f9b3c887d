"""The proof passes on what agrees, and fails on what does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from deploy.interface import link
from deploy.jets import random_batch
from deploy.verify import TOLERANCE, Agreement, feeds_of, open_handoff, read_handoff_preprocess, verify
from e2e_tf.errors import InputError
from e2e_tf.files import sha256


def resign(folder: Path, name: str) -> None:
    """Make the manifest agree with a file that was changed."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["checksums"][name] = sha256(folder / name)
    path.write_text(json.dumps(manifest), "utf-8")


@pytest.fixture
def copy(handoffs: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(handoffs["padded"], tmp_path / "copy"))


@pytest.mark.parametrize("kind", ["padded", "edges"])
def test_all_runtimes_agree_with_keras(handoffs: dict[str, Path], kind: str) -> None:
    agreements = verify(handoffs[kind], jets=60)
    assert [a.runtime.split(" (")[0] for a in agreements] == ["frozen graph", "SavedModel", "ONNX"]
    for agreement in agreements:
        assert agreement.passed
        assert agreement.difference <= TOLERANCE
        assert agreement.jets >= 2000  # batches of every size from 1 to 64 are among them


@pytest.fixture(scope="module")
def scorers(handoffs: dict[str, Path]) -> dict[str, tuple[Any, ...]]:
    """Keras and ONNX Runtime of each hand-off."""
    from deploy import verify as module

    made = {}
    for kind, folder in handoffs.items():
        manifest = open_handoff(folder)
        made[kind] = (
            read_handoff_preprocess(folder),
            manifest,
            module._keras(folder),
            module._onnx(folder, manifest["formats"]["onnx"]),
        )
    return made


@pytest.mark.parametrize("kind", ["padded", "edges"])
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    n_node=st.lists(st.integers(0, 21), min_size=20, max_size=40),
    seed=st.integers(0, 2**32 - 1),
    points=st.sampled_from(["random", "coincident", "grid"]),
    features=st.sampled_from(["random", "bounds", "raw"]),
    extra=st.integers(0, 3),
)
def test_any_graphs_score_alike(  # at least 60 x 20 graphs of each kind, 2,400 in all
    scorers: dict[str, tuple[Any, ...]],
    kind: str,
    n_node: list[int],
    seed: int,
    points: str,
    features: str,
    extra: int,
) -> None:
    preprocess, manifest, keras, onnx_runtime = scorers[kind]
    rng = np.random.default_rng(seed)
    batch = random_batch(preprocess, np.array(n_node), rng, link, points=points, features=features)
    expected = keras(batch)
    found = onnx_runtime(feeds_of(batch, manifest, extra)).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_a_model_with_another_weight_is_caught(copy: Path) -> None:
    model = onnx.load(copy / "model.onnx")
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim == 2 and values.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(values * np.float32(1.02), tensor.name))
    onnx.save(model, copy / "model.onnx")
    resign(copy, "model.onnx")
    by_runtime = {a.runtime.split(" (")[0]: a.passed for a in verify(copy, jets=1)}
    assert by_runtime == {"frozen graph": True, "SavedModel": True, "ONNX": False}


def test_not_a_number_never_passes() -> None:
    assert not Agreement("x", 1, float("nan"), 0).passed
    assert not Agreement("x", 1, float("inf"), 0).passed
    assert Agreement("x", 1, 1e-5, 0).passed


@pytest.mark.parametrize("name", ["model.onnx", "model.pb", "preprocess.json", "saved_model/saved_model.pb"])
def test_a_changed_file_is_named(copy: Path, name: str) -> None:
    (copy / name).write_bytes((copy / name).read_bytes() + b"\n")
    with pytest.raises(InputError, match=f"{name} has changed: its SHA-256 is"):
        verify(copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "inputs.npz").unlink()
    with pytest.raises(InputError, match=r"lacks inputs\.npz"):
        open_handoff(copy)


def test_what_is_no_handoff_is_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no hand-off folder"):
        open_handoff(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no manifest\.json"):
        open_handoff(tmp_path / "empty")
    (copy / "manifest.json").write_text("[]")
    with pytest.raises(InputError, match="is not the manifest of a hand-off"):
        open_handoff(copy)
    (copy / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        open_handoff(copy)


def test_a_preprocess_json_of_another_model_is_refused(copy: Path) -> None:
    path = copy / "preprocess.json"
    document = json.loads(path.read_text("utf-8"))
    name = document["features"]["var_names"].pop()
    del document["features"]["var_infos"][name]
    path.write_text(json.dumps(document), "utf-8")
    resign(copy, "preprocess.json")
    with pytest.raises(InputError, match="has 15 variables for features, the model takes 16"):
        open_handoff(copy)
    path.write_text("{}", "utf-8")
    resign(copy, "preprocess.json")
    with pytest.raises(InputError, match=r"is not a preprocess\.json"):
        open_handoff(copy)


def test_jets_must_be_positive(copy: Path) -> None:
    with pytest.raises(InputError, match="jets must be positive, not 0"):
        verify(copy, jets=0)


def test_the_command_ends_with_1_where_a_runtime_differs(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    import deploy.verify
    from e2e_tf.cli import app

    for difference, status in ((1e-7, 0), (2e-5, 1)):
        found = [Agreement("ONNX", 3, difference, 1)]
        monkeypatch.setattr(deploy.verify, "verify", lambda *a, found=found, **k: found)
        assert CliRunner().invoke(app, ["verify", str(copy)]).exit_code == status
