"""Every example runs on its toy file."""

from __future__ import annotations

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
# Deep image networks: fewer entries.
FEW = {"fit_electron_photon": "16", "fit_event_images": "14"}


def test_all_examples_are_run() -> None:
    run = {script.split()[0] for script in SCRIPTS} | {"fit_tau"}  # which is the README's own
    assert run == {path.stem for path in EXAMPLES.glob("fit_*.py")}
    for path in EXAMPLES.glob("fit_*.py"):
        assert len(path.read_text().splitlines()) <= 42


@pytest.mark.usefixtures("small_backbone")
@pytest.mark.parametrize("script", SCRIPTS)
def test_example(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *arguments = script.split()
    arguments += ["--entries", FEW.get(name, "60"), "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    # For a step or two, tracing a whole network takes longer than running it.
    monkeypatch.setattr(keras.Model, "run_eagerly", property(lambda self: True, lambda self, value: None))
    keras.utils.set_random_seed(1)
    monkeypatch.syspath_prepend(str(EXAMPLES))  # samples.py, as for a script that is run by its path
    names = runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    model = names["model"]
    history = model.history.history
    assert all(np.isfinite(values).all() for values in history.values())
    assert len(history["loss"]) == 1
    assert int(model.optimizer.iterations) >= 1
