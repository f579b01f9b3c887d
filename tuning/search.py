"""The search: trials in this process's children, or by many workers, until the budget is used up."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from e2e_tf.config import RunConfig
from e2e_tf.data.source import JetSource
from e2e_tf.data.sources import source_of
from e2e_tf.errors import InputError
from e2e_tf.files import followed, read_json, write_json
from e2e_tf.jobs import describe_exit, import_quietly, may_fork
from e2e_tf.terminal import status
from e2e_tf.tuning.config import TuneConfig, make_tune_config, read_tune_config
from e2e_tf.tuning.devices import pin, visible_devices
from e2e_tf.tuning.dispatch import run_trials
from e2e_tf.tuning.objectives import run_objective
from e2e_tf.tuning.processes import trial_server
from e2e_tf.tuning.sweep import Record, Sweep, check_folder, describe, locked
from e2e_tf.tuning.trial import Request

__all__ = ["tune"]


def tune(
    config: RunConfig | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    settings: TuneConfig | Mapping[str, Any] | None = None,
    hypermodel: Any = None,
    base: str | os.PathLike[str] | None = None,
    workers: int = 1,
    chief: str = "",
) -> Sweep:
    """Search, or continue a search that was stopped in any way.

    Each trial runs in its own process. A folder of the same search is continued: trials that have ended stay as
    they are, one that was running is run again; ``trials`` and ``minutes`` may have changed.

    Args:
        config: a run configuration or the path of one, which may hold a section ``[tune]``.
        folder: the sweep folder.
        settings: the section ``[tune]``, instead of that of the file.
        hypermodel: a HyperModel of your own, with ``build(hp)`` and ``fit(hp, model, callbacks)``; the
            configuration then only counts for its seed.
        base: where relative sample paths start; the configuration's folder, or the working folder.
        workers: processes that run trials side by side on this machine, each with a GPU of its own if there
            are any.
        chief: ``HOST:PORT`` to serve workers on other machines from; this process then runs no trial.

    Returns:
        The sweep, with its report written.

    Raises:
        InputError: the configuration, the space or the objective cannot be used, the folder is of another
            search, or the address cannot be served.
        NoTrialCompleted: all failed; the message holds the first traceback.
    """
    run, options, root = _read(config, settings, base)
    folder = followed(folder)
    if workers < 1:
        raise InputError(f"workers must be at least 1, not {workers}")
    run_objective(options, run, own_model=hypermodel is not None)  # refuse it before anything is started
    if chief and hypermodel is not None:
        raise InputError(
            "workers on other machines cannot get a HyperModel that is an object; name its class in tune.hypermodel"
        )
    if hypermodel is not None:
        _check_reachable(hypermodel)
    source = None if hypermodel is not None or options.hypermodel else _source(run, root)
    sweep = Sweep(folder, run, options, root, source)
    with status("Loading TensorFlow"):
        import_quietly(["keras_tuner", "e2e_tf.tuning.hypermodels", "e2e_tf.tuning.oracles"])
    make = _maker(sweep, hypermodel)
    hyperparameters, space = _space(sweep, make, hypermodel is not None or bool(options.hypermodel))
    document = describe(sweep, space)
    check_folder(folder, document)
    environments = [pin(i, workers, visible_devices()) for i in range(workers)] if not chief else []
    with locked(folder):
        sweep.trials.mkdir(exist_ok=True)
        write_json(folder / "sweep.json", document)
        _tidy(sweep)
        oracle = _oracle(sweep, hyperparameters, elsewhere=bool(chief))
        try:
            if chief or workers > 1:
                from e2e_tf.tuning.chief import serve

                serve(oracle, sweep, chief, environments, make)
            else:
                _search(oracle, sweep, make, environments[0])
            shutil.rmtree(folder / "cache", ignore_errors=True)
        finally:
            from e2e_tf.tuning.report import write_report

            write_report(sweep, oracle.reason)
    sweep.best()
    return sweep


def _read(
    config: RunConfig | str | os.PathLike[str],
    settings: TuneConfig | Mapping[str, Any] | None,
    base: str | os.PathLike[str] | None,
) -> tuple[RunConfig, TuneConfig, Path]:
    if isinstance(config, RunConfig):
        run, options, root = config, TuneConfig(), Path(base or ".")
    else:
        run, options = read_tune_config(config)
        root = Path(base or Path(config).parent)
    if settings is not None:
        options = settings if isinstance(settings, TuneConfig) else make_tune_config(settings, "settings")
    return run, options, root.resolve()


def _maker(sweep: Sweep, hypermodel: Any) -> Callable[[], Any]:
    """What gives the HyperModel in each process that needs it."""
    from e2e_tf.tuning.hypermodels import hypermodel_of

    return partial(_given, hypermodel) if hypermodel is not None else partial(hypermodel_of, sweep)


def _source(run: RunConfig, base: Path) -> JetSource | None:
    """The source that ``sweep.json`` stores: trials on different samples cannot be compared.

    None if a file is missing, which the trials will say.
    """
    source = source_of(run.data)
    return None if source.missing(base) else source.located(base)


def _check_reachable(hypermodel: Any) -> None:
    """Refuse a HyperModel that the processes of the trials cannot get: of a notebook, after TensorFlow has started."""
    # Of a program from standard input the file is called <stdin>.
    program = getattr(sys.modules["__main__"], "__file__", "")
    if type(hypermodel).__module__ == "__main__" and not os.path.isfile(program) and not may_fork():
        raise InputError(
            f"the class {type(hypermodel).__name__} is defined in a notebook or at a prompt, where the processes of "
            f"the trials cannot find it; write it into a module and import it from there"
        )


def _given(hypermodel: Any) -> Any:
    return hypermodel


def _space(sweep: Sweep, make: Callable[[], Any], foreign: bool) -> tuple[Any, dict[str, Any]]:
    """Keras Tuner's hyperparameters and what ``sweep.json`` stores of them."""
    import keras_tuner

    if not foreign:
        hypermodel = make()
        hp = keras_tuner.HyperParameters()
        hypermodel.declare_hyperparameters(hp)
        return hp, hypermodel.space.to_dict()
    make()  # an import error is the user's to see now
    # The space of a foreign HyperModel shows only when it builds models, which starts TensorFlow; not here.
    with tempfile.TemporaryDirectory(prefix="e2e-tf-space-") as name, trial_server(make) as server:
        part = Path(name) / "space"
        code = server.run(Request("", {}, part, sweep.tune, sweep.objective), every=0.05)
        if not (part / "space.json").is_file():
            why = describe_exit(code or 0, "the process of the trial")
            raise InputError(f"the HyperModel cannot build a model to show its parameters: {why}")
        found = read_json(part / "space.json")
        if "error" in found:
            raise InputError(f"the HyperModel cannot build a model to show its parameters: {found['error']}")
        hp = keras_tuner.HyperParameters.from_config(found)
    # Of a HyperModel whose fit may ask for more, the first trial tells whether there is something to vary.
    return hp, {
        p.name: {"class": type(p).__name__, **{k: v for k, v in p.get_config().items() if k != "conditions"}}
        for p in hp.space
    }


def _oracle(sweep: Sweep, hyperparameters: Any, elsewhere: bool) -> Any:
    from e2e_tf.tuning.oracles import make_oracle, recover

    defaults = {p.name: p.default for p in hyperparameters.space}
    oracle = make_oracle(
        sweep.tune,
        sweep.objective,
        hyperparameters,
        sweep.folder / "oracle.json",
        max_epochs=1 if sweep.config is None else sweep.config.training.epochs,
        defaults=defaults,
    )
    recover(oracle, sweep.records(), sweep.objective, elsewhere)
    oracle.save()
    return oracle


def _tidy(sweep: Sweep) -> None:
    """Remove what killed trials have left."""
    for pattern in (".*.part", ".*.old"):
        for path in sweep.trials.glob(pattern):
            shutil.rmtree(path, ignore_errors=True)
    for path in sweep.folder.glob(".*.part"):
        path.unlink(missing_ok=True) if path.is_file() else shutil.rmtree(path, ignore_errors=True)


class _Here:
    """Trials from the oracle in this process."""

    name = "local"

    def __init__(self, oracle: Any, sweep: Sweep, refresh: Callable[[], None]) -> None:
        self.oracle, self.sweep, self.refresh = oracle, sweep, refresh

    def next(self) -> Any:
        return self.oracle.create_trial(self.name)

    def wanted(self, trial: str) -> bool:
        self.refresh()
        return bool(self.oracle.seconds_left > 0)

    def attempt(self, trial: str) -> int:
        return int(self.oracle.attempt(trial))

    def finish(self, record: Record) -> None:
        self.oracle.finish(record, self.sweep.objective)


def _search(oracle: Any, sweep: Sweep, make: Callable[[], Any], environment: Mapping[str, str]) -> None:
    from e2e_tf.tuning.live import SweepTable
    from e2e_tf.tuning.run_hypermodel import RunHyperModel

    preload = () if sweep.tune.hypermodel else RunHyperModel.PRELOAD
    with trial_server(make, preload) as server, SweepTable(sweep, oracle) as table:
        run_trials(_Here(oracle, sweep, table.refresh), sweep, server, environment, ended=table.ended)
