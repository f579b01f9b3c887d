"""Loading TensorFlow without the lines that its native code prints on the way."""

from __future__ import annotations

import sys

from e2e_tf.terminal import held_stderr, status

__all__ = ["load_tensorflow"]


def load_tensorflow() -> None:
    """Import TensorFlow and find its devices, with a progress display.

    While that happens its native code writes remarks about CPU instructions and absent GPUs to standard error,
    before any log level applies; they are held back, and shown only if the import fails.
    """
    if "tensorflow" in sys.modules:
        return
    from rich.console import Console

    with held_stderr() as visible, status("Loading TensorFlow", Console(file=visible, soft_wrap=True)):
        import tensorflow as tf

        import e2e_tf.layers  # registers the layers
        import e2e_tf.losses  # noqa: F401  # and the losses

        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
