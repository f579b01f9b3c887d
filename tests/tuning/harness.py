"""Runs ``e2e-tf`` commands in forked copies of a process that has imported everything, which takes seconds.

Reads one JSON request per line from standard input and answers each with one line. The first line it writes
says that it is ready.
"""

import gc
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path

RUNNING = set()


def start(request):
    pid = os.fork()
    if pid:
        RUNNING.add(pid)
        return {"pid": pid}
    code = 70
    try:
        os.setsid()
        # As in a terminal; a shell starts what runs in the background, such as these tests, deaf to Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(request["cwd"])
        os.environ.update(request["environment"])
        out = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.argv = ["e2e-tf", *request["argv"]]
        from e2e_tf.cli import main

        main()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(request):
    end = time.monotonic() + request["timeout"]
    while time.monotonic() < end:
        pid, status = os.waitpid(request["pid"], os.WNOHANG)
        if pid:
            RUNNING.discard(pid)
            return {"code": os.waitstatus_to_exitcode(status)}
        time.sleep(0.01)
    return {"code": None}


def kill(request):
    os.kill(request["pid"], signal.SIGKILL)
    return {}


if __name__ == "__main__":
    del sys.path[0]  # the toy is found beside a configuration, as a user's own would be
    saved = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    import numpy as np
    import tensorflow as tf

    from e2e_tf.data.graphs import GraphRecipe, build_graphs
    from e2e_tf.data.sources import load_jets
    from e2e_tf.tuning.config import TuneConfig
    from e2e_tf.tuning.report import sweep_html
    from e2e_tf.tuning.run_hypermodel import RunHyperModel
    from e2e_tf.tuning.sweep import COMPLETED, Record, Sweep

    for module in ("grpc", "e2e_tf.tuning.chief", "e2e_tf.tuning.retrain", *RunHyperModel.PRELOAD):
        importlib.import_module(module)
    # Compiled graph code, fonts and a forest are loaded on first use: once here, not in every command.
    jets, _ = load_jets("tau")
    build_graphs(jets.take(np.arange(20)), GraphRecipe(edges="knn:4"))
    records = [Record(str(i), COMPLETED, {"x": i}, i, executions=[{"history": {"y": [i]}}]) for i in range(8)]
    sweep_html(Sweep(Path(), None, TuneConfig(objective="y", direction="max"), Path()), records)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # as in conftest.py
    os.dup2(saved, 2)
    gc.freeze()  # or each copy would copy what the collector of garbage looks at, which is all of it
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"start": start, "wait": wait, "kill": kill}[request["what"]](request)
        print(json.dumps(answer), flush=True)
    for pid in RUNNING:  # what a failed test has left
        os.kill(pid, signal.SIGKILL)
