from __future__ import annotations

import subprocess
import sys

import e2e_tf.graph


def test_public_names_exist():
    assert all(hasattr(e2e_tf.graph, name) for name in e2e_tf.graph.__all__)
    assert len(set(e2e_tf.graph.__all__)) == len(e2e_tf.graph.__all__)


def test_import_is_light():
    heavy = "{'numba', 'tensorflow', 'keras', 'spektral', 'scipy'}"
    code = f"import sys, e2e_tf.graph; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
