"""weaver's Particle Transformer and ParticleNet, in a process of their own with PyTorch; called by record_models.py.

Arguments: a file with jets; a file for parameters and outputs; the folder of a checkout of hqucms/weaver-core. All is
computed in float64.
"""

import inspect
import json
import subprocess
import sys

import numpy as np
import torch

given, found, checkout = sys.argv[1:]
sys.path.insert(0, checkout)
from weaver.nn.model.ParticleNet import ParticleNet  # noqa: E402
from weaver.nn.model.ParticleTransformer import ParticleTransformer  # noqa: E402

data = np.load(given)
x, p4, points = (torch.from_numpy(data[key].astype(np.float64)) for key in ("x", "p4", "points"))
mask = torch.from_numpy(data["mask"])  # (B, P)
pt, eta, phi, mass = p4.unbind(-1)
momenta = [pt * torch.cos(phi), pt * torch.sin(phi), pt * torch.sinh(eta)]
energy = torch.sqrt(sum(p**2 for p in momenta) + mass**2)
vectors = torch.stack([*momenta, energy], dim=1) * mask[:, None]
features = (x * mask[..., None]).transpose(1, 2)
points = (points * mask[..., None]).transpose(1, 2)
full = mask.all(dim=1)  # jets without padding, which weaver counts in the statistics of the inputs

results = {}
still = {"dropout": 0.0, "attn_dropout": 0.0, "activation_dropout": 0.0}
transformer = {
    "embed_dims": [6, 9, 8],
    "pair_embed_dims": [5, 7],
    "num_heads": 2,
    "num_layers": 2,
    "num_cls_layers": 2,
    "use_pre_activation_pair": False,
    "block_params": still,
    "cls_block_params": still,
    "trim": False,
}
cases = {
    "part": lambda: ParticleTransformer(x.shape[-1], 3, fc_params=[(7, 0.0)], **transformer),
    "particle_net": lambda: ParticleNet(
        x.shape[-1],
        3,
        conv_params=[(3, (8, 7)), (3, (6, 6, 6)), (3, (6,))],  # the last block has no shortcut of its own
        fc_params=[(5, 0.0)],
        use_fusion=False,
        trim=False,
    ),
}
if "trim" not in inspect.signature(ParticleNet.__init__).parameters:
    del cases["particle_net"]  # of 2022, with other arguments
for name, make in cases.items():
    torch.manual_seed(5)
    model = make().double()
    state = model.state_dict()
    generator = torch.Generator().manual_seed(11)
    for key, value in state.items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        moved = value + 0.3 * noise
        state[key] = (0.3 + moved.abs() if key.endswith("running_var") else moved).float().double()
    model.load_state_dict(state)
    results |= {f"{name}/state/{key}": value.numpy().astype(np.float32) for key, value in state.items()}

    def run(rows, model=model, name=name):
        if name == "part":
            return model(features[rows], v=vectors[rows], mask=mask[rows][:, None])
        return model(points[rows], features[rows], mask=mask[rows][:, None])

    with torch.no_grad():
        everything = torch.ones(len(mask), dtype=torch.bool)
        results[f"{name}/inference"] = run(everything, model.eval()).numpy()
        results[f"{name}/training"] = run(full, model.train()).numpy()
    learned = model.state_dict()
    results |= {f"{name}/learned/{key}": v.numpy() for key, v in learned.items() if "running_mean" in key}
commit = subprocess.run(
    ["git", "-C", checkout, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
)
versions = {"weaver-core": commit.stdout.strip(), "torch": torch.__version__, "numpy": np.__version__}
np.savez(found, **results, versions=np.array(json.dumps(versions, sort_keys=True)))
