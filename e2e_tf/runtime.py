"""Loading TensorFlow without the lines that its native code prints on the way."""

from __future__ import annotations

import os
import sys
import tempfile

from e2e_tf.progress import status

__all__ = ["load_tensorflow"]


def load_tensorflow() -> None:
    """Import TensorFlow and find its devices, with a progress display.

    While that happens its native code writes remarks about CPU instructions and absent GPUs to standard error,
    before any log level applies; they are held back, and shown only if the import fails.
    """
    if "tensorflow" in sys.modules:
        return
    from rich.console import Console

    sys.stderr.flush()
    terminal = os.dup(2)
    # sys.stderr stays what it is: loggers that TensorFlow makes on the way keep a reference to it.
    with tempfile.TemporaryFile() as held, os.fdopen(os.dup(2), "w", buffering=1) as visible:
        os.dup2(held.fileno(), 2)
        try:
            with status("Loading TensorFlow", Console(file=visible, soft_wrap=True)):
                import tensorflow as tf

                import e2e_tf.layers  # noqa: F401  # registers the layers

                for gpu in tf.config.list_physical_devices("GPU"):
                    tf.config.experimental.set_memory_growth(gpu, True)
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
