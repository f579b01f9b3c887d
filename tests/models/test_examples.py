"""Every example runs on its toy file."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = [
    "fit_quark_gluon",
    "fit_top",
    "fit_electron_photon",
    "fit_erum_top",
    "fit_erum_belle",
    "fit_erum_images spinodal",
    "fit_erum_images eos",
    "fit_erum_images airshower",
    "fit_event_images",
]
# A minute and more, most of it spent on tracing the training of a deep image network.
SLOW = {"fit_electron_photon", "fit_event_images"}


def test_all_examples_are_run() -> None:
    run = {script.split()[0] for script in SCRIPTS} | {"fit_tau"}  # which is the README's own
    assert run == {path.stem for path in EXAMPLES.glob("fit_*.py")}
    for path in EXAMPLES.glob("fit_*.py"):
        assert len(path.read_text().splitlines()) <= 42


@pytest.mark.parametrize("script", SCRIPTS)
def test_example(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *arguments = script.split()
    if name in SLOW and not os.environ.get("E2E_TF_SLOW_EXAMPLES"):
        pytest.skip("set E2E_TF_SLOW_EXAMPLES=1 to run it")
    monkeypatch.setattr(sys, "argv", [name, *arguments, "--entries", "60", "--epochs", "1"])
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    keras.utils.set_random_seed(1)
    names = runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    model = names["model"]
    history = model.history.history
    assert all(np.isfinite(values).all() for values in history.values())
    assert len(history["loss"]) == 1
    assert int(model.optimizer.iterations) >= 1
