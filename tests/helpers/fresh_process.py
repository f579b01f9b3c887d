"""A process of its own in which saved models are reloaded."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

_CHILD = """
import gc, sys, json
import e2e_tf
import keras
import numpy as np
import tensorflow as tf
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
gc.freeze()
for line in sys.stdin:
    job = json.loads(line)
    try:
        data = np.load(job["inputs"])
        tensors = {k: keras.ops.convert_to_tensor(data[k]) for k in data.files}
        if job["signature"]:
            output = tf.saved_model.load(job["model"]).signatures[job["signature"]](**tensors)
        else:
            model = keras.models.load_model(job["model"])
            output = model(tensors if job["named"] else list(tensors.values()))
        flat = keras.tree.flatten(output)
        np.savez(job["outputs"], **{f"out{i}": np.asarray(part) for i, part in enumerate(flat)})
        print("@ok", flush=True)
    except Exception as error:
        print("@" + repr(error)[:2000].replace("\\n", " "), flush=True)
"""


class FreshProcess:
    """A process that has imported ``e2e_tf`` and nothing else of this library, and reloads models there."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        with open(Path(self.folder.name) / "stderr", "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _CHILD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=Path(__file__).parents[2],
            )
        atexit.register(self.close)

    def run(self, model: Path, inputs: list[np.ndarray] | dict[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs of a Keras file on given inputs, in a list or by name, loaded bare and in safe mode."""
        if isinstance(inputs, dict):
            return self._ask(model, inputs, "", named=True)
        return self._ask(model, {f"in{i}": part for i, part in enumerate(inputs)}, "")

    def serve(self, model: Path, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs of the default signature of a SavedModel on inputs by name."""
        return self._ask(model, inputs, "serving_default")

    def _ask(
        self, model: Path, inputs: dict[str, np.ndarray], signature: str, named: bool = False
    ) -> list[np.ndarray]:
        folder = Path(self.folder.name)
        np.savez(folder / "inputs.npz", **inputs)
        job = {
            "model": str(model),
            "signature": signature,
            "named": named,
            "inputs": str(folder / "inputs.npz"),
            "outputs": str(folder / "outputs.npz"),
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("@"):
                assert line == "@ok\n", f"reload in a fresh process: {line[1:]}"
                data = np.load(folder / "outputs.npz")
                return [data[key] for key in data.files]
        raise AssertionError(f"the fresh process ended: {(folder / 'stderr').read_text()[-2000:]}")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.stdin.close()  # type: ignore[union-attr]
            self.process.wait(timeout=30)
        self.folder.cleanup()


@lru_cache(maxsize=1)
def fresh_process() -> FreshProcess:
    return FreshProcess()
