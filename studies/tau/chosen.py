"""The chosen model as one Keras model, evaluated, and its bundle."""

from __future__ import annotations

import shutil
from pathlib import Path

from e2e_tf import evaluate
from e2e_tf.deploy.export import export
from e2e_tf.files import new_folder, read_json, write_json
from e2e_tf.training.ensemble import ensemble
from e2e_tf.training.run import open_run
from studies.tau.rows import CHOSEN, ROWS, chosen_folder, run_folder


def write_chosen(samples: Path, bundle: Path) -> None:
    """Join the members of :data:`rows.CHOSEN` to one run, evaluate it, and export it to ``bundle``."""
    folder = chosen_folder(samples)
    runs = [open_run(run_folder(samples, name, seed)) for name, seed in ROWS[CHOSEN].members]
    with new_folder(folder, force=True) as part:
        for name in ("config.json", "preprocess.json", "history.json"):
            shutil.copy(runs[0].folder / name, part)
        # Samples and normalisation are those of every member: the split has its own seed.
        same = (runs[0].folder / "preprocess.json").read_bytes()
        assert all((run.folder / "preprocess.json").read_bytes() == same for run in runs)
        model = ensemble([run.model() for run in runs], name="tau_candidates")
        model.save(part / "model.keras")
        first = runs[0].provenance
        write_json(
            part / "provenance.json",
            {
                **first,
                "parameters": model.count_params(),
                "members": [run.provenance["seed"] for run in runs],
            },
        )
    evaluate(folder, baselines=False)
    export(folder, bundle, force=True, formats=("onnx", "pb"))
    print(f"{bundle}: {sum(path.stat().st_size for path in bundle.rglob('*')) / 1e6:.1f} MB")
    print(read_json(bundle / "manifest.json")["working_points"])
