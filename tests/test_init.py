from __future__ import annotations

import pytest
from processes import python

import e2e_tf


def test_import_is_light():
    """No heavy package comes with ``import e2e_tf``, nor with its configuration, graphs and data containers."""
    heavy = ["tensorflow", "keras", "spektral", "numba", "h5py", "matplotlib", "sklearn", "onnxruntime"]
    code = (
        f"import sys, e2e_tf, e2e_tf.graph, e2e_tf.data.jets; print([m for m in {heavy} if m in sys.modules])"
    )
    assert python(code).stdout.strip() == "[]"


def test_every_public_name_exists():
    for name in e2e_tf.__all__:
        assert getattr(e2e_tf, name) is not None
    assert set(e2e_tf.__all__) <= set(dir(e2e_tf))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = e2e_tf.nonsense


def test_earlier_names_are_the_functions_of_today():
    assert e2e_tf.verify is e2e_tf.validate


def test_legacy_keras_is_refused_with_the_fix():
    done = python("import e2e_tf", TF_USE_LEGACY_KERAS="1")
    assert done.returncode == 1
    assert "needs Keras 3" in done.stderr
    assert "unset TF_USE_LEGACY_KERAS" in done.stderr


def test_another_backend_is_refused_with_the_fix():
    done = python("import e2e_tf", KERAS_BACKEND="jax")
    assert done.returncode == 1
    assert "ImportError: e2e-tf needs Keras on TensorFlow, but KERAS_BACKEND asks for 'jax'" in done.stderr
    assert "unset KERAS_BACKEND" in done.stderr
    for accepted in ("tensorflow", ""):
        assert python("import e2e_tf", KERAS_BACKEND=accepted).returncode == 0


def test_another_backend_that_keras_runs_on_is_refused_with_the_fix(monkeypatch):
    """As keras.json may say, or a program that imported Keras before."""
    import keras

    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(ImportError, match="Keras runs on 'jax'; run 'export KERAS_BACKEND=tensorflow' first"):
        e2e_tf._register(keras)


def test_a_model_reloads_with_import_e2e_tf_alone(trained):
    """In a fresh process, in safe mode, without custom objects, with Keras imported first.

    The other order is that of every other test that reloads a model in a fresh process. TensorFlow has started when it
    has opened its devices, which importing it does not.
    """
    code = (
        "import keras, e2e_tf\n"
        "from e2e_tf.compat import tensorflow_has_started\n"
        "import tensorflow as tf\n"
        "print(tensorflow_has_started())\n"
        "tf.constant(1.0)\n"
        "print(tensorflow_has_started())\n"
        f"model = keras.models.load_model({str(trained / 'model.keras')!r}, safe_mode=True)\n"
        "print(model.name, sorted(t.name for t in model.inputs))"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    *started, last = done.stdout.splitlines()
    assert started == ["False", "True"]
    assert last == "gat_cheb ['n_node', 'receivers', 'senders', 'u', 'x']"
