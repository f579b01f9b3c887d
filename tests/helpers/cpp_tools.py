"""The C++ tools of deploy/cpp, compiled for tests, and their tensors beside those of Python."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import e2e_tf.deploy
from e2e_tf.data.graphs import graphs_of
from e2e_tf.data.jets import Jets
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.candidates import write_candidates
from e2e_tf.deploy.cost import points_of
from e2e_tf.deploy.interface import JetBatch, edges_feeds
from e2e_tf.deploy.padded import padded_feeds, padded_preprocess
from e2e_tf.files import write_json

CPP = Path(e2e_tf.deploy.__file__).parent / "cpp"
BUILT = os.environ.get("E2E_TF_CPP_BUILD")  # what 'make' and 'make sanitize' in deploy/cpp made, to save time


def compile_tools(toolchain: Any, folder: Path, target: str, *options: str) -> Path:
    # Compiled once and run for seconds: without optimisation it is done in a third of the time.
    flags = ["-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O0"]
    flags.append(f"-DCMAKE_EXE_LINKER_FLAGS={toolchain.linker}")
    # Lists of headers are for building again in the same folder; the launcher takes a compilation without.
    flags += [
        f"-DCMAKE_CXX_COMPILER_LAUNCHER={';'.join(toolchain.launcher)}",
        "-DCMAKE_DEPENDS_USE_COMPILER=OFF",
    ]
    if toolchain.headers is not None:
        flags.append(f"-DCMAKE_PREFIX_PATH={toolchain.headers}")
    made = subprocess.run(
        ["cmake", "-S", CPP, "-B", folder, *flags, *options], capture_output=True, text=True
    )
    if "NLOHMANN_JSON_INCLUDE" in made.stderr:
        pytest.skip(f"nlohmann-json is not installed; {toolchain.missing}")
    assert made.returncode == 0, made.stderr
    built = subprocess.run(
        ["cmake", "--build", folder, "--target", target, "--parallel", "2"], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / target


def built_tensors(
    tool: Path, preprocess: Path, jets: Path, out: Path, batch: int
) -> list[dict[str, np.ndarray]]:
    command = [tool, "build", preprocess, jets, out, str(batch)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    content = out.read_bytes()
    batches: list[dict[str, np.ndarray]] = []
    at = 0
    while at < len(content):
        (length,) = struct.unpack_from("<I", content, at)
        name = content[at + 4 : at + 4 + length].decode()
        at += 4 + length
        (rank,) = struct.unpack_from("<I", content, at)
        shape = struct.unpack_from(f"<{rank}q", content, at + 4)
        at += 4 + 8 * rank
        values = np.frombuffer(content, "<f4", int(np.prod(shape)), at).reshape(shape)
        at += 4 * values.size
        if not batches or name in batches[-1]:
            batches.append({})
        batches[-1][name] = values
    return batches


def compare(
    tool: Path, preprocess: Preprocess, jets: Jets, folder: Path, padded: bool, batch: int = 64
) -> int:
    """Tensors of C++ and of Python on the same jets; the number of edges compared."""
    document = padded_preprocess(preprocess) if padded else preprocess.to_dict()
    write_json(folder / "preprocess.json", document, force=True)
    write_candidates(folder / "jets.bin", jets, force=True)
    found = built_tensors(tool, folder / "preprocess.json", folder / "jets.bin", folder / "out.bin", batch)
    graphs = graphs_of(jets, preprocess)
    points = points_of(jets, graphs, preprocess) if padded else graphs.positions
    starts = graphs.batch.node_offsets
    assert len(found) == -(-len(jets) // batch)
    edges = 0
    for i, tensors in enumerate(found):
        part = graphs.take(np.arange(i * batch, min((i + 1) * batch, len(jets))))
        if padded:
            size = max(int(part.batch.n_node.max()), 1)
            rows = slice(starts[i * batch], starts[i * batch + len(part)])
            expected = padded_feeds(JetBatch(part.batch, points[rows]), size)
        else:
            expected = edges_feeds(part.batch)
            edges += part.batch.senders.size
        assert tensors.keys() == expected.keys()
        for name, values in expected.items():
            assert tensors[name].shape == values.shape
            # One unit in the last place of a logarithm or cosh; indices, positions and masks are the same bits.
            rtol, atol = (2e-7, 1e-6) if name in ("x", "features", "u") else (0, 0)
            np.testing.assert_allclose(tensors[name], values, rtol=rtol, atol=atol, err_msg=name)
    return edges
