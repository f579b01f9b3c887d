#!/bin/sh
# Environments of the parity tests: PyTorch Geometric, and Spektral on the Keras it was written for. They are
# apart from the project's own, because PyTorch is large. The tests compare with numbers recorded from these by
# record.py, and with the environments themselves where they exist. Run from anywhere:
#   sh tests/parity/make_envs.sh [FOLDER]
# It makes .venv-pyg and .venv-spektral in the project, where the tests look, or in FOLDER, to be named in
# E2E_TF_PYG_PYTHON and E2E_TF_SPEKTRAL_PYTHON. A python other than python3 is taken from PYTHON.
set -e
folder="${1:-$(dirname "$0")/../..}"
mkdir -p "$folder"
cd "$folder"
PYTHON="${PYTHON:-python3}"

"$PYTHON" -m venv .venv-pyg
# The wheel without CUDA, where the platform has it apart: its version sorts after the plain one.
.venv-pyg/bin/python -m pip install --quiet --disable-pip-version-check --retries 1 "torch==2.13.0" \
    --extra-index-url https://download.pytorch.org/whl/cpu
.venv-pyg/bin/python -m pip install --quiet --disable-pip-version-check "torch_geometric==2.8.*" numpy
.venv-pyg/bin/python -c "import torch_geometric; print('PyTorch Geometric', torch_geometric.__version__)"

"$PYTHON" -m venv .venv-spektral
.venv-spektral/bin/python -m pip install --quiet --disable-pip-version-check \
    "tensorflow==2.21.*" "tf_keras==2.21.*" "spektral==1.3.1"
TF_USE_LEGACY_KERAS=1 TF_CPP_MIN_LOG_LEVEL=3 .venv-spektral/bin/python -c \
    "import spektral, tf_keras; print('Spektral', spektral.__version__, 'on Keras', tf_keras.__version__)"
