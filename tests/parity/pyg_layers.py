"""PyTorch Geometric's layers, in an environment of their own; called by test_pyg.py.

Arguments: a file with a graph and the weights of each case, named and shaped as there; a file for the outputs.
"""

import json
import sys
from itertools import pairwise

import numpy as np
import torch
import torch_geometric.nn as pyg
from torch import nn

data = np.load(sys.argv[1])
x = torch.from_numpy(data["x"])
edge_index = torch.from_numpy(np.stack([data["senders"], data["receivers"]]).astype(np.int64))
batch = torch.from_numpy(data["graph_id"].astype(np.int64))


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
    arguments = [batch] if case["layer"] == "DynamicEdgeConv" else [edge_index]
    with torch.no_grad():
        results[name] = layer(x, *arguments).numpy()
np.savez(sys.argv[2], **results)
