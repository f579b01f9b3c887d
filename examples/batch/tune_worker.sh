#!/bin/bash
# One worker of a search; see tune.sub.
set -euo pipefail
exec e2e-tf tune -o "$1" --chief "$2" --worker
