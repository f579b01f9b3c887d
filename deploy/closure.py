"""The closure of a CMSSW package: jets in events give the scores and efficiencies that they give in Python."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.graphs import graphs_of
from e2e_tf.deploy.agreement import Agreement, compare
from e2e_tf.deploy.bundle import open_bundle, read_bundle_preprocess
from e2e_tf.deploy.closure_build import Driver, build_driver
from e2e_tf.deploy.closure_events import ClosureEvents, closure_events
from e2e_tf.deploy.closure_objects import object_events
from e2e_tf.deploy.cms_config import EDProducer, InputTag
from e2e_tf.deploy.interface import JetBatch
from e2e_tf.deploy.meaning import in_units_of_jets
from e2e_tf.deploy.quiet import quiet_tensorflow
from e2e_tf.deploy.reference import keras_scores, load_model
from e2e_tf.deploy.sources import import_modules
from e2e_tf.deploy.tolerance import Tolerance, column_tolerance
from e2e_tf.errors import InputError
from e2e_tf.files import read_json
from e2e_tf.terminal import status
from e2e_tf.training.pt_points import pt_points

__all__ = ["Closure", "Efficiency", "closure"]

_SAMPLES = {
    "detector": "tau_detector"
}  # whose jets lie in the events, by nodes; of others it is the tau sample
_SIGMAS = 3.0


@dataclass(frozen=True)
class Efficiency:
    """How many taus pass a working point.

    Attributes:
        name: of the working point in the package.
        found: share of them by the producer.
        expected: share by the scores of Python and the threshold of the manifest.
        error: statistical error of either.
        stated: in the manifest, on the test jets of the training; of one in bins of pT for taus of the same pT.
        same_jets: the training had jets of the same sample, so that the stated one must be found, too.
    """

    name: str
    found: float
    expected: float
    error: float
    stated: float
    same_jets: bool

    @property
    def failed(self) -> bool:
        """Python finds another efficiency, or it lies three errors from what the manifest states."""
        apart = self.same_jets and abs(self.found - self.stated) > _SIGMAS * self.error
        return abs(self.found - self.expected) > self.error or apart


@dataclass(frozen=True)
class Closure:
    """What the closure found.

    Attributes:
        module: label of the module in the package.
        agreement: of its scores with Python's.
        efficiencies: of each working point.
    """

    module: str
    agreement: Agreement
    efficiencies: tuple[Efficiency, ...]

    @property
    def failed(self) -> bool:
        """Scores or efficiencies are not those of Python."""
        return self.agreement.failed or any(point.failed for point in self.efficiencies)


def closure(
    bundle: str | os.PathLike[str],
    package: str | os.PathLike[str],
    *,
    events: int = 150,
    seed: int = 5,
    imports: Sequence[str] = (),
) -> Closure:
    """Run a CMSSW package on events with simulated jets, without CMSSW.

    The package is compiled with the compiler of ``CXX`` (``c++``) over stand-ins for CMSSW's classes. Jets of the
    shipped sample are laid over pileup and written as events of MiniAOD, or for detector objects as events of RECO with
    tracks, hits and vertices. The package's module makes tensors of them
    and cuts on the working points; ONNX Runtime of this Python runs its model. The same jets, made in Python as
    the training made its own, go through the Keras model.

    Args:
        bundle: the bundle that the package was made of.
        package: its folder ``Subsystem/Package``.
        events: of one tau and one QCD jet each.
        seed: of the pileup.
        imports: modules, or Python files, that register the model's own layers.

    Returns:
        The agreement of the scores, and the efficiency of each working point.

    Raises:
        InputError: the bundle is damaged, the package is not of it, cannot be compiled or run, or its model needs
            what the jets of the shipped sample do not have.
    """
    if events < 1:
        raise InputError(f"events must be positive, not {events}")
    bundle, package = Path(bundle), Path(package).resolve()
    manifest = open_bundle(bundle)
    folder = _folder_of(package, manifest)
    import_modules(imports)
    with status("Writing events"):
        detector = _nodes(manifest) == "detector"
        made = (object_events if detector else closure_events)(manifest.get("jets"), events, seed)
        try:
            graphs = graphs_of(made.jets, read_bundle_preprocess(bundle))
        except InputError as error:
            raise InputError(f"the closure has no jets for this bundle: {error}") from error
    with quiet_tensorflow():
        batch = JetBatch(graphs.batch, graphs.positions)
        scores = keras_scores(load_model(bundle), [batch])[0]
    expected = in_units_of_jets(scores, manifest, made.jets)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        with status("Compiling the package"):
            driver = build_driver(package, scratch)
        label, module = _module_of(driver, folder)
        with status("Scoring events"):
            found = driver.products(_on(module, made), made.text, _Sessions(), scratch)
    names = module.parameters["score_names"].value
    columns = np.stack([found[score] for score in names], axis=1).astype(np.float32)
    if columns.shape != expected.shape:
        raise InputError(
            f"the module {label} gives {columns.shape[1]} scores, the bundle {expected.shape[1]}"
        )
    tolerance = _in_units(column_tolerance(manifest), scores, expected)
    agreement = compare(
        f"CMSSW package, module {label}", [expected], [columns], batch.graphs.n_node, tolerance=tolerance
    )
    return Closure(label, agreement, tuple(_efficiencies(manifest, module, found, expected, made)))


class _Sessions:
    """Models in ONNX Runtime by their files."""

    def __init__(self) -> None:
        self._sessions: dict[str, Any] = {}

    def __call__(
        self, path: str, feeds: Mapping[str, np.ndarray], outputs: Sequence[str]
    ) -> Sequence[np.ndarray]:
        import onnxruntime

        if path not in self._sessions:
            self._sessions[path] = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        found: Sequence[np.ndarray] = self._sessions[path].run(list(outputs), dict(feeds))
        return found


def _in_units(tolerance: Tolerance, scores: np.ndarray, expected: np.ndarray) -> Tolerance:
    """The tolerance of scores in the units of their quantities: ratios grow with the momenta they are multiplied by."""
    if np.array_equal(scores, expected, equal_nan=True):
        return tolerance
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.nanmax(np.where(scores != 0, np.abs(expected / scores), 1.0), axis=0)
    return Tolerance(tolerance.absolute * np.maximum(factor, 1.0), tolerance.relative)


def _folder_of(package: Path, manifest: Mapping[str, Any]) -> str:
    """The folder of the package's data that holds the model of a bundle."""
    checksums = manifest["checksums"]
    for path in sorted((package / "data").glob("**/manifest.json")):
        if read_json(path).get("checksums") == checksums:
            return path.parent.relative_to(package).as_posix()
    raise InputError(f"{package} holds no model of this bundle; 'e2e-tf cmssw' writes it again")


def _module_of(driver: Driver, folder: str) -> tuple[str, EDProducer]:
    """The module whose inputs are those of a folder of the data."""
    wanted = "/".join((*driver.package.parts[-2:], folder, "preprocess.json"))
    for label, module in driver.modules().items():
        if module.parameters["preprocess_json"].value == wanted:
            return label, module
    raise InputError(f"no module of {driver.package / 'python'} takes {wanted}")


def _nodes(manifest: Mapping[str, Any]) -> str:
    return str((manifest.get("graph") or {}).get("nodes", "candidates"))


def _on(module: EDProducer, made: ClosureEvents) -> EDProducer:
    """The module, if it runs on the collection that holds the jets; one of detector objects takes any jets."""
    source = module.parameters["src"].value
    if source == made.source:
        return module
    if "tracks" in module.parameters:
        return module.clone(src=InputTag(made.source))
    raise InputError(f"the module runs on {source}; the jets that its bundle states are {made.source}")


def _efficiencies(
    manifest: Mapping[str, Any],
    module: EDProducer,
    found: Mapping[str, np.ndarray],
    expected: np.ndarray,
    made: ClosureEvents,
) -> list[Efficiency]:
    taus = made.label == 1
    owners = [name for name, width in manifest["outputs"][0]["columns"].items() for _ in range(width)]
    same_jets = manifest["provenance"]["data"].get("sample") == _SAMPLES.get(_nodes(manifest), "tau")
    known = (point.parameters.get("name") for point in module.parameters["workingPoints"].value)
    names = ["" if name is None else name.value for name in known]

    def score(output: str | None) -> np.ndarray:
        return expected[:, owners.index(output) if output in owners else 0]

    # Who passes by the scores of Python, and the share of the taus that the manifest states.
    decided = [
        (score(point.get("output")) >= np.float32(point["threshold"]), float(point["signal_efficiency"]))
        for point in manifest["working_points"]
    ]
    for binned in pt_points(manifest.get("binned_working_points", ()), "manifest.json"):
        pt = made.jets["pt"]
        decided.append((binned.passes(score(binned.output), pt), float(binned.expected(pt[taus]).mean())))
    if not decided:
        return []
    if len(names) != len(decided):
        raise InputError(f"the module has {len(names)} working points, the bundle {len(decided)}")
    bits = found["workingPoints"].astype(np.int64)
    result = []
    for bit, (name, (passes, stated)) in enumerate(zip(names, decided, strict=True)):
        passed = float((bits >> bit & 1)[taus].mean())
        wanted = float(passes[taus].mean())
        error = float(np.sqrt(max(wanted * (1 - wanted), 1 / taus.sum()) / taus.sum()))
        result.append(Efficiency(name, passed, wanted, error, stated, same_jets))
    return result
