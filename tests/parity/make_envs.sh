#!/bin/sh
# Environments of the parity tests: PyTorch Geometric, and Spektral on the Keras it was written for. They are
# apart from the project's own, because Keras 2 must not come near it and PyTorch is large. Run from the root:
#   sh tests/parity/make_envs.sh
# A python other than python3 is taken from PYTHON. The folders .venv-pyg and .venv-legacy are where the tests
# look, unless E2E_TF_PYG_PYTHON or E2E_TF_LEGACY_PYTHON name a python elsewhere.
set -e
cd "$(dirname "$0")/../.."
PYTHON="${PYTHON:-python3}"

"$PYTHON" -m venv .venv-pyg
# Wheels without CUDA where the platform has them: the tests run on the CPU.
.venv-pyg/bin/python -m pip install --quiet torch --index-url https://download.pytorch.org/whl/cpu ||
    .venv-pyg/bin/python -m pip install --quiet torch
.venv-pyg/bin/python -m pip install --quiet "torch_geometric==2.8.*" numpy

"$PYTHON" -m venv .venv-legacy
.venv-legacy/bin/python -m pip install --quiet "tensorflow==2.21.*" "tf_keras==2.21.*" "spektral==1.3.1"
