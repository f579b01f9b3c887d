"""PyTorch Geometric's layers, in a process of their own; called by the parity tests and by record.py.

Arguments: a file with a graph and the weights of each case, named and shaped as there; a file for the outputs.
"""

import json
import sys
from itertools import pairwise

import numpy as np
import torch
import torch_geometric
import torch_geometric.nn as pyg
from torch import nn

data = np.load(sys.argv[1])
x = torch.from_numpy(data["x"])
edges = np.stack([data["senders"], data["receivers"]]).astype(np.int64)
loops = np.stack([np.arange(len(x))] * 2)
with_loops = np.concatenate([edges, loops], axis=1)


def mlp(sizes):
    parts = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        parts += [nn.ReLU()] if i else []
        parts += [nn.Linear(a, b)]
    return nn.Sequential(*parts)


results = {}
for name, case in json.loads(str(data["cases"])).items():
    config = case["config"]
    if "mlp" in config:
        layer = getattr(pyg, case["layer"])(mlp(config.pop("mlp")), **config)
    else:
        layer = getattr(pyg, case["layer"])(**config)
    state = {key: torch.from_numpy(data[f"{name}/{key}"]) for key in case["weights"]}
    layer.load_state_dict(state, strict=True)
    layer.eval()
    graph = with_loops if case["graph"] == "loops" else edges
    with torch.no_grad():
        results[name] = layer(x, torch.from_numpy(graph)).numpy()
versions = {
    "torch_geometric": torch_geometric.__version__,
    "torch": torch.__version__,
    "numpy": np.__version__,
}
np.savez(sys.argv[2], **results, versions=np.array(json.dumps(versions)))
