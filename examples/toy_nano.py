"""Writes simulated jets in the form of CMS PFNano, for trying out what reads it: python examples/toy_nano.py toy.root

Branches are those of NanoAOD with particle-flow candidates. Each event has one jet of the shipped sample.
Needs the extra 'root'.
"""

import sys

import awkward as ak
import numpy as np
import uproot

from e2e_tf import read_jets
from e2e_tf.data.grid import delta_phi
from e2e_tf.data.samples import sample_path


def write(path: str, n_jets: int = 2000) -> None:
    """Write the first jets of the shipped sample.

    Args:
        path: new ROOT file.
        n_jets: number of events, of one jet each.
    """
    jets = read_jets(sample_path("tau"), stop=n_jets)
    n = len(jets)
    own = np.arange(n)
    counts = jets.candidates.counts
    of_jet = np.repeat(own, counts)
    found = jets.candidates.columns
    phi = delta_phi(found["dphi"] + jets["phi"][of_jet], 0.0)
    candidates = {
        "pt": found["pt"],
        "eta": found["deta"] + jets["eta"][of_jet],
        "phi": phi,
        "mass": np.zeros(len(phi)),
        "charge": found["charge"].astype(np.int32),
        "pdgId": found["pdg_id"].astype(np.int32),
        "d0": found["d0"],
        "d0Err": found["d0_error"],
        "dz": found["dz"],
        "dzErr": found["dz_error"],
    }
    one = np.ones(n, np.int64)
    flavour = np.where(jets.label == 1, 0, 21).astype(np.int32)
    visible = {name: jets.truth[f"visible_{name}"] for name in ("pt", "eta", "phi", "mass")}
    visible["status"] = jets.truth["decay_mode"].astype(np.uint8)
    kinematics = {name: jets[name] for name in ("pt", "eta", "phi", "mass")}
    branches = {
        "run": np.ones(n, np.uint32),
        "luminosityBlock": np.ones(n, np.uint32),
        "event": own.astype(np.uint64),
        "genWeight": np.ones(n, np.float32),
        "Jet": _records(kinematics | {"partonFlavour": flavour, "hadronFlavour": 0 * flavour}, one),
        "GenVisTau": _records(visible, (jets.label == 1).astype(np.int64), jets.label == 1),
        "PFCands": _records(candidates, counts),
        "JetPFCands": _records(
            {
                "jetIdx": np.zeros(len(of_jet), np.int32),
                "pFCandsIdx": np.concatenate([np.arange(c) for c in counts]).astype(np.int32),
            },
            counts,
        ),
    }
    with uproot.recreate(path) as file:
        types = {k: v.type.content if isinstance(v, ak.Array) else v.dtype for k, v in branches.items()}
        file.mktree("Events", types).extend(branches)


def _records(columns: dict, counts: np.ndarray, rows: object = slice(None)) -> ak.Array:
    """Jagged columns of one collection; floating-point numbers are stored in 32 bits."""
    short = {k: v[rows].astype(np.float32) if v.dtype.kind == "f" else v[rows] for k, v in columns.items()}
    return ak.zip({k: ak.unflatten(v, counts) for k, v in short.items()})


if __name__ == "__main__":
    write(sys.argv[1])
