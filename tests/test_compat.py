from __future__ import annotations

import ast
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from e2e_tf import compat

ROOT = Path(compat.__file__).parents[1]


def private_imports(text: str) -> list[str]:
    """Modules in a source that belong to other libraries and are private to them."""
    found = []
    for node in ast.walk(ast.parse(text)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            first, *rest = name.split(".")
            private = any(
                part == "src" or (part.startswith("_") and not part.endswith("__")) for part in rest
            )
            if first != "e2e_tf" and (private or name.startswith("tensorflow.python")):
                found.append(name)
    return found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from h5py._objects import phil", ["h5py._objects.phil"]),
        ("from h5py import _objects", ["h5py._objects"]),
        ("import keras_tuner.src.protos", ["keras_tuner.src.protos"]),
        ("from tensorflow.python.eager import context", ["tensorflow.python.eager.context"]),
        ("from e2e_tf.graph._check import as_counts", []),
        ("from numpy import __version__", []),
        ("import tensorflow as tf", []),
    ],
)
def test_private_imports_are_found(line, found):
    assert private_imports(f"def f():\n    {line}\n") == found


def test_private_modules_are_imported_here_alone():
    sources = [p for folder in ("e2e_tf", "tuning", "deploy") for p in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 100
    found = {p.name: names for p in sources if (names := private_imports(p.read_text("utf-8")))}
    assert list(found) == ["compat.py"]


def test_the_module_alone_imports_no_library():
    code = "import sys, e2e_tf.compat; print([m for m in ('tensorflow', 'h5py', 'keras_tuner') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_tensorflow_has_not_started_before_it_is_imported():
    """That importing it is not starting it is in test_init.py, where a fresh process imports it in any case."""
    code = "from e2e_tf.compat import tensorflow_has_started; print(tensorflow_has_started())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["False"], done.stderr


def test_compiling_is_known_to_the_traced_function():
    import tensorflow as tf

    seen = []

    @tf.function
    def plain(x):
        seen.append(compat.is_compiling())
        return x

    @tf.function(jit_compile=True)
    def compiled(x):
        seen.append(compat.is_compiling())
        return x

    assert not compat.is_compiling()
    plain(tf.constant(1.0))
    compiled(tf.constant(1.0))
    assert seen == [False, True]


def test_variables_become_constants():
    import tensorflow as tf

    weight = tf.Variable([[2.0], [3.0]])
    traced = tf.function(lambda x: x @ weight).get_concrete_function(tf.TensorSpec((None, 2)))
    assert "ReadVariableOp" in {node.op for node in traced.graph.as_graph_def().node}
    frozen = compat.constant_graph(traced)
    assert "ReadVariableOp" not in {node.op for node in frozen.graph.as_graph_def().node}
    (result,) = frozen(tf.constant([[1.0, 10.0]]))
    np.testing.assert_array_equal(result, [[32.0]])


def test_default_attributes():
    found = compat.default_attributes("MatMul")
    assert {"transpose_a", "transpose_b"} <= set(found)
    assert "T" not in found
    assert found["transpose_a"].b is False
    assert compat.default_attributes("NoSuchOperation") == {}


def test_a_saved_model_is_read_without_loading_it(tmp_path):
    import tensorflow as tf

    module = tf.Module()
    module.double = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec((None,), name="x")])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.double})
    (graph,) = compat.read_saved_model(str(tmp_path / "saved")).meta_graphs
    assert list(graph.signature_def["serving_default"].inputs) == ["x"]


def test_the_lock_keeps_other_threads_out_of_hdf5(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(3)
    done = threading.Event()

    def read() -> None:
        with h5py.File(tmp_path / "a.h5") as file:
            file["x"][:]
        done.set()

    with compat.hdf5_lock():
        thread = threading.Thread(target=read)
        thread.start()
        assert not done.wait(0.2)
    thread.join(10)
    assert done.is_set()


def test_keras_tuner_serves_an_oracle():
    assert {"GetSpace", "CreateTrial", "GetTrial", "UpdateTrial", "EndTrial"} <= set(
        dir(compat.oracle_servicer())
    )
    assert {"create_trial", "end_trial", "get_space"} <= set(dir(compat.oracle_client()))
    assert compat.oracle_messages().GetTrialRequest(trial_id="7").trial_id == "7"
    assert {"OracleStub", "add_OracleServicer_to_server"} <= set(dir(compat.oracle_service()))
