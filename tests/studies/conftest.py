"""Lets the studies be imported as ``python -m`` imports them in the root of the repository.

The root comes last on the path: what is installed as e2e_tf goes before the folder of that name.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
