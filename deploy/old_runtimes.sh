#!/bin/sh
# Repeats the validation of bundles with the runtimes that CMSSW releases hold, each in an environment of its own.
#
#   sh deploy/old_runtimes.sh [BUNDLE...]
#
# Without arguments it writes the grid of tests/grid.py: every registered model with each kind of outputs in each
# interface, for releases from 13_3 on and for those from 12_1 on; each runtime gets those that its release reads. PYTHON
# is an interpreter that these versions have wheels for, 3.9 (3.8 to 3.11 from ONNX Runtime 1.14 on); BIN the folder of
# the Python to export with; OUT a folder for the environments, which are kept, and for what is exported; GRID a folder
# with a grid that has been written. The status is not 0 where a runtime does not agree.
set -eu

PYTHON=${PYTHON:-python3.9}
root=$(cd "$(dirname "$0")/.." && pwd)
BIN=${BIN:-$root/.venv/bin}
OUT=${OUT:-$root/.venv-old-runtimes}
mkdir -p "$OUT"

old=
if [ $# -eq 0 ]; then
  if [ -z "${GRID:-}" ]; then
    GRID=$(mktemp -d "$OUT/grid.XXXXXX")
    trap 'rm -rf "$GRID"' EXIT
    "$BIN/python" "$root/tests/grid.py" "$GRID"
  fi
  set -- "$GRID"/13_3/*
  old=$(echo "$GRID"/12_1/*)
fi

status=0
repeat() { # RUNTIME BUNDLE...
  runtime=$1
  shift
  env=$OUT/$runtime
  if [ ! -f "$env/.installed" ]; then
    "$PYTHON" -m venv --clear "$env"
    "$env/bin/python" -m pip install --quiet --disable-pip-version-check "$runtime" 'numpy<1.24' $more
    touch "$env/.installed"
  fi
  for bundle in "$@"; do
    echo "$runtime, $bundle"
    TF_CPP_MIN_LOG_LEVEL=3 "$env/bin/python" -I "$root/deploy/repeat.py" "$bundle" || status=1
  done
}

more=
for version in 1.14.1 1.17.1; do
  repeat onnxruntime==$version "$@" $old
done
repeat tensorflow-cpu==2.12.0 "$@" $old
# Those of 12_1 and 12_4.
if [ -n "$old" ]; then
  for version in 1.7.0 1.10.0; do
    repeat onnxruntime==$version $old
  done
  more='protobuf<3.21'
  repeat tensorflow-cpu==2.6.0 $old
fi
exit $status
