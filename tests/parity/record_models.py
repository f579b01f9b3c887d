"""Records the numbers of other implementations of whole models that tests/parity/test_models.py compares with.

From the root, with checkouts and environments made by hand (``make_envs.sh`` has those of Spektral and PyTorch):

    python tests/parity/record_models.py weaver_2022 PYTHON CHECKOUT    # hqucms/weaver-core at 34e2ee2, as published
    python tests/parity/record_models.py weaver_2026 PYTHON CHECKOUT    # hqucms/weaver-core at 154db69
    python tests/parity/record_models.py particle_net PYTHON CHECKOUT   # hqucms/ParticleNet, PYTHON with tf_keras
    python tests/parity/record_models.py spektral PYTHON                # PYTHON with Spektral and tf_keras

It writes ``tests/parity/reference/models_NAME.npz``: jets, parameters and outputs, drawn and computed here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
SCRIPTS = {
    "weaver_2022": "weaver_models.py",
    "weaver_2026": "weaver_models.py",
    "particle_net": "particle_net_models.py",
    "spektral": "spektral_models.py",
}


def jets() -> dict[str, np.ndarray]:
    """Padded jets: four of eight particles, others of five to seven; more than three neighbours each."""
    rng = np.random.default_rng(3)
    counts = np.array([8, 5, 8, 7, 8, 6, 8])
    shape = len(counts), 8
    mask = np.arange(8) < counts[:, None]
    mass = np.where(rng.random(shape) < 0.5, 0.0, 0.1396)
    p4 = np.stack(
        [rng.lognormal(1, 1, shape), rng.normal(0, 0.8, shape), rng.uniform(-3.1, 3.1, shape), mass], -1
    )
    linked = np.triu(rng.random((*shape, 8)) < 0.4, 1)
    adjacency = (linked | linked.transpose(0, 2, 1)) & mask[:, :, None] & mask[:, None, :]
    return {
        "x": rng.normal(size=(*shape, 6)).astype(np.float32),
        "p4": p4.astype(np.float32),
        "points": rng.normal(size=(*shape, 2)).astype(np.float32),
        "mask": mask,
        "adjacency": adjacency,
    }


def main() -> None:
    if len(sys.argv) < 3 or sys.argv[1] not in SCRIPTS:
        sys.exit(f"record_models.py NAME PYTHON [CHECKOUT], with NAME one of {', '.join(SCRIPTS)}")
    name, python, *checkout = sys.argv[1:]
    given = jets()
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder, "jets.npz"), Path(folder, "outputs.npz")
        np.savez(inputs, **given)
        environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        script = str(FOLDER / SCRIPTS[name])
        subprocess.run([python, script, str(inputs), str(outputs), *checkout], env=environment, check=True)
        with np.load(outputs) as data:
            arrays = {key: data[key] for key in data.files}
    path = FOLDER / "reference" / f"models_{name}.npz"
    np.savez_compressed(path, **{f"jets/{key}": value for key, value in given.items()}, **arrays)
    print(f"{path}: {len(arrays)} arrays, {path.stat().st_size} bytes, {arrays['versions']}")


if __name__ == "__main__":
    main()
