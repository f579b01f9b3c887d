"""Loading TensorFlow: quiet where it works, with all that was said where it does not."""

from __future__ import annotations

from pathlib import Path

from processes import python

CODE = """
from e2e_tf.runtime import load_tensorflow
load_tensorflow()
import sys
from keras.saving import get_registered_object
print("tensorflow" in sys.modules, get_registered_object("e2e_tf>GATConv").__name__)
load_tensorflow()
"""


def test_remarks_of_native_code_are_held_back():
    """At a level at which TensorFlow tells of its CPU instructions; a second call has nothing to load."""
    done = python(CODE, TF_CPP_MIN_LOG_LEVEL="0", CUDA_VISIBLE_DEVICES="-1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "GATConv"]
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Loading TensorFlow")


def test_what_a_failing_import_said_is_shown(tmp_path: Path):
    (tmp_path / "tensorflow.py").write_text(
        "import os\nos.write(2, b'a library of the system is missing\\n')\nraise ImportError('cannot load')\n"
    )
    code = "from e2e_tf.runtime import load_tensorflow\nload_tensorflow()"
    done = python(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{code}")
    assert done.returncode == 1
    assert "a library of the system is missing" in done.stderr
    assert done.stderr.splitlines()[-1] == "ImportError: cannot load"
