"""Graph neural networks for end-to-end particle identification at CMS, from Keras to the trigger."""

from __future__ import annotations

import os as _os

__version__ = "0.1.0"
__all__ = ["InputError", "__version__"]

if _os.environ.get("TF_USE_LEGACY_KERAS", "").strip().lower() in {"1", "true"}:
    raise ImportError(
        "e2e-tf needs Keras 3, but TF_USE_LEGACY_KERAS asks for Keras 2; run 'unset TF_USE_LEGACY_KERAS' first"
    )
_os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from e2e_tf.errors import InputError  # noqa: E402
