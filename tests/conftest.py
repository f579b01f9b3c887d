"""Fixtures that several test folders share: a small tau sample, a run trained on it, real CMS data."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from once import once

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

# tf2onnx copies the graph before each of its passes, to go on where one fails; here a failure should be seen.
os.environ.setdefault("TF2ONNX_CATCH_ERRORS", "FALSE")

# What XLA compiles is run once: most of LLVM's passes take longer than they save (with none, exponentials are off).
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")

# The files that take longest begin first, then the folders with long ones, so that no process is left alone with one of
# them at the end. `make test` keeps the order, which pytest-xdist by itself would not.
LONG = (
    "deploy/test_cpp.py",
    "layers/test_dynamic_edge_conv.py",
    "deploy/test_cmssw.py",
    "training/test_loop.py",
    "test_packaging.py",
    "docs/test_pages.py",
    "training/test_fit.py",
    "deploy/test_models.py",
    "layers/test_gat_conv.py",
    "deploy/test_bad_input.py",
    "layers/test_edge_conv.py",
    "training/test_distribute.py",
    "layers/test_cheb_conv.py",
    "deploy/test_keras_layers.py",
    "layers/test_gravnet_conv.py",
    "models/test_examples.py",
    "test_demo.py",
    "deploy/test_cost.py",
    "test_readme.py",
)
FOLDERS = ("tuning", "training", "models", "studies", "deploy", "layers")

# Files whose tests train, search, export or compile, nearly all for several seconds: each test of them is `slow`.
SLOW = (
    "deploy/test_cmssw.py",
    "deploy/test_cpp.py",
    "deploy/test_cpp_detector.py",
    "deploy/test_cpp_runner.py",
    "deploy/test_export.py",
    "deploy/test_models.py",
    "deploy/test_padded.py",
    "sim/test_chunk.py",
    "sim/test_simulate.py",
    "studies/quark_gluon/test_main.py",
    "studies/tau/test_fresh.py",
    "studies/tau/test_latency.py",
    "studies/tau/test_training.py",
    "test_demo.py",
    "training/test_distribute.py",
    "training/test_ensemble.py",
    "training/test_examples.py",
    "training/test_outputs.py",
    "training/test_steps.py",
    "tuning/test_chief.py",
    "tuning/test_search.py",
    "tuning/test_survival.py",
    "tuning/test_trial.py",
)

TINY_CONFIG = """\
seed = 3
[data]
sample = "tau.h5"
split = [0.6, 0.2, 0.2]
pt_bins = [10, 20, 50]
evaluate_pt_bins = [10, 20, 50]
[plots]
formats = []
dpi = 50
[model]
name = "gat_cheb"
channels = [8, 8]
heads = [1, 2]
cheb_channels = [8]
dense = [16]
dropout = 0.1
[training]
epochs = 2
batch_size = 16
learning_rate = 4e-3
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks of slow files; long files first, the order within a file stays."""
    slow = {Path(__file__).parent / name for name in SLOW}
    for item in items:
        if item.path in slow:
            item.add_marker(pytest.mark.slow)
    rank = {Path(__file__).parent / name: i for i, name in enumerate((*LONG, *FOLDERS))}

    def place(item: pytest.Item) -> int:
        return min(rank.get(path, len(rank)) for path in (item.path, *item.path.parents))

    items.sort(key=place)


def pytest_collection() -> None:
    """What is imported stays: the collector of garbage need not look through it again and again."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Now it looks at what tests leave; rarely at all of it, which costs more than the memory that it frees."""
    gc.freeze()
    gc.set_threshold(2_000, 10, 100)
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def _plain_graphs() -> None:
    """Functions run as they were traced: optimising the graph of what runs once takes longer than it saves.

    Nor does each operation of a graph note by which calls it was made, 150 of them below pytest: TensorFlow's messages
    about operations that fail tell it, and no test reads that.

    What starts processes of its own, such as the demo, the wheel and the README's code, runs as it does for users.
    """
    if "tensorflow" in sys.modules:
        import tensorflow as tf
        from tensorflow.python.util import tf_stack

        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        calls = tf_stack.extract_stack()
        tf_stack.extract_stack = lambda stacklevel=1: calls


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real CMS data beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real CMS data beside the checkout are absent")
    return SHARED_DATA


@pytest.fixture(scope="session")
def tau_folder(tmp_path_factory) -> Path:
    """A folder with ``tau.h5``, the first 400 jets of the shipped sample, and ``tiny.toml`` for them."""
    from e2e_tf.data.jets import read_jets, write_jets
    from e2e_tf.data.samples import sample_path

    def make(folder: Path) -> None:
        write_jets(folder / "tau.h5", read_jets(sample_path("tau")).take(np.arange(400)))
        (folder / "tiny.toml").write_text(TINY_CONFIG)

    return once(tmp_path_factory, "tau", make)


@pytest.fixture(scope="session")
def trained(tau_folder, tmp_path_factory) -> Path:
    """A finished run of ``tiny.toml``; tests that write into a run take a copy."""
    from e2e_tf.training.fit import fit

    return (
        once(tmp_path_factory, "trained", lambda folder: fit(tau_folder / "tiny.toml", folder / "run"))
        / "run"
    )


@pytest.fixture
def run_copy(trained, tmp_path) -> Path:
    """A copy of the finished run that a test may change."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def untraced():
    """Functions of TensorFlow run as Python, for tests in which each runs a few times."""
    from eagerly import eagerly

    with eagerly():
        yield


@pytest.fixture
def small_backbone(monkeypatch) -> None:
    """EfficientNet in a tenth of the time."""
    import keras
    from registered_models import small_efficientnet

    monkeypatch.setattr(keras.applications, "EfficientNetB2", small_efficientnet)


@pytest.fixture
def drawn(monkeypatch, caplog):
    """The figures that were saved, in order; fails where the style's fonts are missing or settings stay."""
    import matplotlib
    from matplotlib.figure import Figure

    figures = []
    save = Figure.savefig

    def savefig(self, *args, **options):
        if self not in figures:  # once for each format
            figures.append(self)
        return save(self, *args, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    before = dict(matplotlib.rcParams.copy())
    with caplog.at_level(logging.WARNING, logger="matplotlib"):
        yield figures
    assert not [record.getMessage() for record in caplog.records if record.name.startswith("matplotlib")]
    assert dict(matplotlib.rcParams.copy()) == before
    import matplotlib.pyplot

    assert matplotlib.pyplot.get_fignums() == []
