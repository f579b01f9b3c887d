"""Taggers on real CMS data: trained on full-simulation jets, applied to 2012 collision jets.

usage: python -m benchmarks.real_data --data ../shared/data --tau-run RUN --out real_data_out
       python -m benchmarks.real_data --only objects --data ../shared/data --out real_data_out

Prints the Markdown that stands in docs/benchmarks.md and, of detector objects, in docs/simulation.md, whose picture
goes to ``--out``. A run that is there already is not trained again; ``--only objects`` trains nothing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import h5py
import numpy as np

from benchmarks.real_objects import compare_objects
from e2e_tf.config import read_config
from e2e_tf.terminal import with_error
from e2e_tf.training.evaluate import evaluate
from e2e_tf.training.fit import fit
from e2e_tf.training.predict import predict, predict_file
from e2e_tf.training.prepare import prepare
from e2e_tf.training.run import open_run

HERE = Path(__file__).parent
QUARK_GLUON = "cms_fullsim_jets/uds_vs_g.h5"
COLLISIONS = ("TauParked_Run2012C_0.ig", "BJetPlusX_Run2012C_0.ig")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument(
        "--tau-run", type=Path, help="a run of examples/tau.toml; all but --only objects needs it"
    )
    parser.add_argument("--only", choices=("hits", "objects"))
    parser.add_argument(
        "--simulated",
        type=Path,
        nargs="*",
        default=[],
        help="jets with detector objects; default: the shipped ones",
    )
    parser.add_argument("--out", type=Path, default=HERE.parent / "real_data_out")
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    if options.only != "objects":
        if options.tau_run is None:
            parser.error("--tau-run is needed, or --only objects")
        hits(options)
    if options.only != "hits":
        compare_objects(options.data, options.out, options.simulated)


def hits(options: argparse.Namespace) -> None:
    """A tagger of quarks trained on full simulation, and the demo's tagger of taus on collisions."""
    config = read_config(HERE / "quark_gluon.toml")
    data = config.data.model_copy(update={"sample": str((options.data / QUARK_GLUON).resolve())})
    run = options.out / "quark_gluon"
    if not (run / "model.keras").exists():
        fit(config.model_copy(update={"data": data}), run)
    metrics = run / "metrics.json"
    results = json.loads(metrics.read_text()) if metrics.exists() else evaluate(run)
    print(
        "| classifier | jet pT [GeV] | quark | gluon | ROC-AUC | 1/ε_B at 50 % |\n|---|---|---|---|---|---|"
    )
    for name, evaluated in results["classifiers"].items():
        for part in evaluated["pt_bins"]:
            auc, rejection = part["auc"], part["rejection"][0]
            print(
                f"| {name} | {part['low']:g}-{part['high']:g} | {part['signal']} | {part['background']} | "
                f"{with_error(auc['value'], auc['error'])} | {with_error(rejection['value'], rejection['error'])} |"
            )

    print(
        "\n| events | jets | score: median | 16 % | 84 % | above the 70 % working point |\n|---|---|---|---|---|---|"
    )
    evaluated = json.loads((options.tau_run / "metrics.json").read_text())["classifiers"]["gat_cheb"][
        "overall"
    ]
    threshold = next(p["threshold"] for p in evaluated["working_points"] if p["target"] == 0.7)
    tau = open_run(options.tau_run)
    test = prepare(tau.config, tau.base).test
    score = predict(tau.model(), test.graphs)[:, 0]
    rows = [
        ("simulated tau, test part", score[test.label == 1]),
        ("simulated QCD, test part", score[test.label == 0]),
    ]
    for name in COLLISIONS:
        scores = options.out / f"{Path(name).stem}.h5"
        predict_file(tau, options.data / "ispy" / name, scores, force=True)
        with h5py.File(scores) as file:
            # Real jets are taken where the tagger was trained, and where the public files have HCAL hits.
            inside = (file["jets/pt"][()] < 50) & (np.abs(file["jets/eta"][()]) < 1.2)
            rows.append((name, file["score"][:, 0][inside]))
    for what, values in rows:
        low, middle, high = np.quantile(values, (0.16, 0.5, 0.84))
        passed = np.mean(values >= threshold)
        print(f"| {what} | {len(values)} | {middle:.2f} | {low:.2f} | {high:.2f} | {passed:.1%} |")


if __name__ == "__main__":
    main()
