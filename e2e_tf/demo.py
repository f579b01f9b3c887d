"""The demo in one call: fit, evaluate, export, validate, on the sample that ships with the package."""

from __future__ import annotations

import os
import time
from importlib.resources import files
from pathlib import Path

from e2e_tf.errors import InputError
from e2e_tf.files import new_folder

__all__ = ["DEMO_CONFIG", "PUBLISHED_CONFIG", "run_demo"]

DEMO_CONFIG = "demo.toml"
PUBLISHED_CONFIG = "demo_published.toml"
"""The published architecture, trained on the same jets."""


def run_demo(
    out: str | os.PathLike[str] = "demo_out",
    *,
    force: bool = False,
    config: str | os.PathLike[str] | None = None,
) -> bool:
    """Train, evaluate and export the tau tagger, and validate the bundle.

    Args:
        out: new folder; gets ``run/`` and ``bundle/``, ``published/`` and the configurations.
        force: replace what an earlier demo has made; any other folder stays.
        config: another configuration than the one that ships with the package; then the
            published architecture is left out.

    Returns:
        True if all runtimes agree.

    Raises:
        InputError: ``out`` exists and ``force`` is false or it holds what no demo has made.
    """
    from e2e_tf.config import read_config
    from e2e_tf.deploy.export import export
    from e2e_tf.deploy.report import agreement_table
    from e2e_tf.deploy.validate import validate
    from e2e_tf.terminal import say
    from e2e_tf.training.evaluate import evaluate
    from e2e_tf.training.fit import fit
    from e2e_tf.training.report import metrics_table

    out = Path(out)
    if out.exists() and not force:
        raise InputError(
            f"{out} exists already; choose another name with --out, or give --force to replace it"
        )
    started = time.perf_counter()
    with new_folder(out, force, _not_a_demo) as part:
        source = Path(config) if config else _shipped(DEMO_CONFIG)
        (part / DEMO_CONFIG).write_text(source.read_text("utf-8"), "utf-8")
        run = fit(read_config(source), part / "run", base=source.parent)
        beside = {}
        if config is None:
            other = _shipped(PUBLISHED_CONFIG)
            (part / PUBLISHED_CONFIG).write_text(other.read_text("utf-8"), "utf-8")
            published = fit(read_config(other), part / "published", base=other.parent)
            beside[f"{published.config.model_name}, as published"] = published
        metrics = evaluate(run, beside=beside)
        export(run, part / "bundle", proof=0)
        agreements = validate(part / "bundle", write=True)
    metrics_table(metrics)
    agreed = agreement_table(agreements)
    say(
        f"Report in {out / 'run' / 'report.html'}, plots beside it, bundle in {out / 'bundle'}; "
        f"{time.perf_counter() - started:.0f} s in all"
    )
    return agreed


def _shipped(name: str) -> Path:
    return Path(str(files("e2e_tf").joinpath("configs", name)))


def _not_a_demo(folder: Path) -> str:
    """Why a demo may not replace a folder; empty where it holds the parts of one and nothing else."""
    if not (folder / DEMO_CONFIG).is_file():
        return "is not the folder of a demo"
    known = {
        DEMO_CONFIG,
        PUBLISHED_CONFIG,
        "run",
        "bundle",
        "published",
        "handoff",
    }  # the bundle was called handoff once
    extra = sorted(path.name for path in folder.iterdir() if path.name not in known)
    return f"holds {extra[0]}, which no demo has made" if extra else ""
