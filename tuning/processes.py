"""A process per trial: what the fork server of a search makes, runs and says when it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from e2e_tf.files import write_json
from e2e_tf.jobs import ForkServer
from e2e_tf.tuning.trial import Request, run_request

__all__ = ["TrialServer", "trial_server"]

TrialServer = ForkServer[Request]


def trial_server(make: Callable[[], Any], preload: Sequence[str] = ()) -> TrialServer:
    """A server that runs each trial in a process of its own, see :class:`e2e_tf.jobs.ForkServer`.

    Args:
        make: gives the HyperModel, called once in the server; one with a method ``warm_up`` is warmed up there.
            An InputError that it raises is written to ``refused.json`` in the folder of each trial.
        preload: modules to import in the server.

    Returns:
        The server, which runs requests until it is closed.
    """
    return ForkServer(partial(_warm, make), run_request, _refuse, preload, "e2e-tf-trial")


def _warm(make: Callable[[], Any]) -> Any:
    hypermodel = make()
    if hasattr(hypermodel, "warm_up"):
        hypermodel.warm_up()
    return hypermodel


def _refuse(request: Request, message: str) -> None:
    write_json(request.part / "refused.json", {"message": message})
