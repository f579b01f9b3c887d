"""Records the numbers of Spektral and PyTorch Geometric that the parity tests compare with.

After ``sh tests/parity/make_envs.sh``, from the root: ``.venv/bin/python tests/parity/record.py [spektral] [pyg]``.
It writes ``tests/parity/reference/NAME.npz``, the same bytes from the same versions.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "helpers")]


def main() -> None:
    import parity
    from cases import CASES, make_inputs, ours

    for name in sys.argv[1:] or list(CASES):
        if name not in CASES:
            sys.exit(f"{name} must be one of {', '.join(CASES)}")
        executable = parity.living(name)
        if executable is None:
            sys.exit(f"there is no environment with {name}: run 'sh tests/parity/make_envs.sh' first")
        graphs = make_inputs(name)
        weights = {key: ours(case, graphs, None)[1] for key, case in CASES[name].items()}
        with tempfile.TemporaryDirectory() as folder:
            given = parity.inputs(graphs, CASES[name], weights)
            outputs, versions = parity.run(executable, name, given, Path(folder))
        path = parity.write(name, graphs, weights, outputs, versions)
        print(f"{path}: {len(outputs)} layers, {path.stat().st_size} bytes, {versions}")


if __name__ == "__main__":
    main()
