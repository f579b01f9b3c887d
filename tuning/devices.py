"""Which GPU a worker uses: one each, pinned before TensorFlow starts."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from e2e_tf.errors import InputError

__all__ = ["grow_memory", "pin", "visible_devices"]


def visible_devices(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them.

    Those of ``CUDA_VISIBLE_DEVICES`` where a batch system has set it, else all that ``nvidia-smi`` lists; the
    driver is not started in this process, which is going to be forked.

    Args:
        environment: environment variables; those of this process if None.

    Returns:
        Indices or names of GPUs; empty without a GPU.
    """
    environment = os.environ if environment is None else environment
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        devices = [device.strip() for device in named.split(",") if device.strip()]
        # CUDA stops reading at the first invalid entry, which is how -1 hides all.
        return tuple(devices[: devices.index("-1")] if "-1" in devices else devices)
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    command = [program, "--query-gpu=index", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in listed.splitlines() if line.strip().isdigit())


def pin(worker: int, workers: int, devices: Sequence[str]) -> dict[str, str]:
    """Environment variables that give a worker a GPU of its own; none where there is no GPU.

    Args:
        worker: counted from 0.
        workers: how many share the devices.
        devices: from :func:`visible_devices`.

    Returns:
        Values by the names of the variables.

    Raises:
        InputError: there are more workers than GPUs.
    """
    if not devices:
        return {}
    if workers > len(devices):
        raise InputError(
            f"each worker needs a GPU of its own: {workers} workers, but CUDA shows {len(devices)} "
            f"({', '.join(devices)}); give --workers {len(devices)}, or CUDA_VISIBLE_DEVICES=-1 to use none"
        )
    return {"CUDA_VISIBLE_DEVICES": devices[worker], "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


def grow_memory() -> int:
    """Let TensorFlow take GPU memory as it needs it; gives the number of GPUs.

    Returns:
        The number of GPUs.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return len(gpus)
