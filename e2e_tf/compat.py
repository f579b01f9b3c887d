"""Private names of other libraries, imported in this one place.

Each function imports what it needs when it is called. A new release of one of these libraries that moves such
a module breaks a test of this file (``tests/test_compat.py``) and nothing has to be searched for.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = [
    "constant_graph",
    "default_attributes",
    "hdf5_lock",
    "is_compiling",
    "oracle_client",
    "oracle_messages",
    "oracle_service",
    "oracle_servicer",
    "read_saved_model",
    "tensorflow_has_started",
]


def tensorflow_has_started() -> bool:
    """True if TensorFlow runs in this process: it has opened its devices, so the process must not be forked.

    Without TensorFlow imported it is false, and TensorFlow is not imported to find out.

    Returns:
        Whether its devices are open.
    """
    if "tensorflow" not in sys.modules:
        return False
    from tensorflow.python.eager import context

    current = context.context_safe()
    return current is not None and bool(getattr(current, "_initialized", True))


def is_compiling() -> bool:
    """True inside a function that XLA compiles (``jit_compile=True``).

    Returns:
        Whether XLA compiles what is being traced.
    """
    import tensorflow as tf
    from tensorflow.python.ops import control_flow_util

    if tf.executing_eagerly():
        return False
    return bool(control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


def constant_graph(function: Any) -> Any:
    """A concrete function of TensorFlow as the same function with its variables turned into constants.

    Args:
        function: a ``tf.ConcreteFunction``.

    Returns:
        A ``tf.ConcreteFunction`` without variables.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(function)


def default_attributes(operation: str) -> dict[str, Any]:
    """Attributes of a TensorFlow operation that have a default, as ``AttrValue`` messages by name.

    Args:
        operation: its name, such as ``"MatMul"``; an unknown one has none.

    Returns:
        The attributes by name; empty for an unknown operation.
    """
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(operation)
    if definition is None:
        return {}
    return {a.name: a.default_value for a in definition.attr if a.HasField("default_value")}


def read_saved_model(folder: str) -> Any:
    """The ``SavedModel`` message of a SavedModel's folder, without loading the model.

    Args:
        folder: the folder with ``saved_model.pb``.

    Returns:
        The message ``SavedModel``, with its graphs and signatures.
    """
    from tensorflow.python.saved_model.loader_impl import parse_saved_model

    return parse_saved_model(folder)


def hdf5_lock() -> Any:
    """The lock around HDF5, whose library must not be entered by two threads; a context manager.

    Returns:
        h5py's own lock.
    """
    from h5py._objects import phil

    return phil


def oracle_servicer() -> Any:
    """Keras Tuner's class that serves an oracle's trials over gRPC.

    Returns:
        The class ``OracleServicer``.
    """
    from keras_tuner.src.distribute.oracle_chief import OracleServicer

    return OracleServicer


def oracle_client() -> Any:
    """Keras Tuner's class that asks a served oracle for trials.

    Returns:
        The class ``OracleClient``.
    """
    from keras_tuner.src.distribute.oracle_client import OracleClient

    return OracleClient


def oracle_messages() -> Any:
    """The module of Keras Tuner's messages (``GetTrialRequest``, ...), in the form that fits its protobuf.

    Returns:
        The generated module of messages.
    """
    from keras_tuner.src import protos

    return protos.get_service()


def oracle_service() -> Any:
    """The module of Keras Tuner's gRPC service (``OracleStub``, ``add_OracleServicer_to_server``).

    Returns:
        The generated module of the service.
    """
    from keras_tuner.src import protos

    return protos.get_service_grpc()
