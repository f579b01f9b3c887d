"""The table of a running search."""

from __future__ import annotations

import time
from typing import Any

from e2e_tf.terminal import console
from e2e_tf.tuning.sweep import COMPLETED, FAILED, Record, Sweep
from e2e_tf.tuning.trial import read_progress

__all__ = ["SweepTable"]

_STYLES = {
    "COMPLETED": "green",
    "FAILED": "red",
    "RUNNING": "cyan",
    "PRUNED": "yellow",
    "INFEASIBLE": "yellow",
}


class SweepTable:
    """Running trials and the best of those that have ended, on a terminal; elsewhere a line per trial.

    Args:
        sweep: the sweep.
        oracle: its oracle.
        rows: ended trials to show.
    """

    def __init__(self, sweep: Sweep, oracle: Any, rows: int = 10) -> None:
        self.sweep, self.oracle, self.rows = sweep, oracle, rows
        self.records = {record.trial: record for record in sweep.records()}
        self._live: Any = None
        self._drawn = 0.0

    def __enter__(self) -> SweepTable:
        done = len(self.records)
        if done:
            console().print(f"Continuing {self.sweep.folder}: {done} trials have ended", style="dim")
        if console().is_terminal:
            from rich.live import Live

            self._live = Live(console=console(), auto_refresh=False)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self.refresh(force=True)
            self._live.stop()
            self._live = None

    def ended(self, record: Record) -> None:
        """A trial has ended.

        Args:
            record: of a trial that has ended.
        """
        self.records[record.trial] = record
        if self._live is not None:
            self.refresh(force=True)
            return
        line = f"Trial {record.trial}: {record.status.lower()}"
        if record.status == FAILED:
            line += f", {last_line(record.message)}"
        elif record.score is not None:
            line += f", {self.sweep.tune.objective} {record.score:.5g}"
        line += f", {record.seconds.get('total', 0):.1f} s"
        console().print(line, style="dim", highlight=False)

    def refresh(self, force: bool = False) -> None:
        """Draw again, at most twice a second.

        Args:
            force: draw also if it was drawn a moment ago.
        """
        if self._live is None or (not force and time.monotonic() - self._drawn < 0.5):
            return
        self._drawn = time.monotonic()
        self._live.update(self.table(), refresh=True)

    def table(self) -> Any:
        """What is shown.

        Returns:
            A ``rich.table.Table``.
        """
        from rich.table import Table
        from rich.text import Text

        objective, records = self.sweep.objective, self.records.values()
        done = [r for r in records if r.status == COMPLETED and r.score is not None]
        done.sort(key=lambda r: r.score or 0.0, reverse=objective.direction == "max")
        failures = sum(r.status == FAILED for r in records)
        left = self.oracle.seconds_left
        title = f"{len(self.records)} of {self.sweep.tune.trials} trials"
        title += f", {failures} failed" if failures else ""
        title += f", {left / 60:.0f} min left" if left != float("inf") else ""
        table = Table(title=title, title_justify="left")
        for name in ("trial", "status", objective.name, "epochs", "time [s]", "values"):
            table.add_column(
                name, justify="right" if name in (objective.name, "epochs", "time [s]") else "left"
            )
        for worker, trial in sorted(self.oracle.ongoing_trials.items()):
            epoch, value, seconds = self._progress(trial.trial_id)
            values = _short(trial.hyperparameters.values)
            table.add_row(trial.trial_id, Text(f"running ({worker})", "cyan"), value, epoch, seconds, values)
        others = [r for r in records if r.status != COMPLETED]
        for record in [*done, *others][: self.rows]:
            style = _STYLES.get(record.status, "")
            score = "" if record.score is None else f"{record.score:.5g}"
            seconds = f"{record.seconds.get('total', 0):.0f}"
            note = last_line(record.message) if record.status == FAILED else _short(record.values)
            table.add_row(
                record.trial,
                Text(record.status.lower(), style),
                score,
                str(record.epochs or ""),
                seconds,
                note,
            )
        return table

    def _progress(self, trial: str) -> tuple[str, str, str]:
        parts = sorted(self.sweep.trials.glob(f".{trial}.*.part"), key=lambda p: p.stat().st_mtime)
        if not parts:
            return "", "", ""
        progress = read_progress(parts[-1])
        values = progress.get("history", {}).get(self.sweep.objective.monitor, [])
        seconds = (
            time.time() - (parts[-1] / "log.txt").stat().st_ctime if (parts[-1] / "log.txt").exists() else 0
        )
        return str(progress.get("epoch", "")), f"{values[-1]:.5g}" if values else "", f"{seconds:.0f}"


def last_line(text: str) -> str:
    """The last line of a traceback, which says what was wrong.

    Args:
        text: such as a traceback.

    Returns:
        The line, or an empty text.
    """
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _short(values: Any) -> str:
    shown = {k.rpartition(".")[2]: v for k, v in values.items() if not k.startswith("tuner/")}
    return ", ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in shown.items())
