"""A CMSSW package without CMSSW: compiled over stand-ins, configured, and run on events."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from e2e_tf.deploy import cms_config
from e2e_tf.errors import InputError

__all__ = ["Driver", "Model", "build_driver"]

Model = Callable[[str, Mapping[str, np.ndarray], Sequence[str]], Sequence[np.ndarray]]
"""The file of a model, its inputs by name and the names of outputs, to these outputs."""

_STANDIN = Path(__file__).parent / "standin"
_PRODUCER = "ONNXProducer"
_JSON = "cudnn_frontend/thirdparty/nlohmann/json.hpp"  # of the TensorFlow package


class Driver:
    """A compiled package.

    Attributes:
        program: runs its producers on events.
        package: its folder.
    """

    def __init__(self, program: Path, package: Path) -> None:
        self.program, self.package = program, package
        self._name = "/".join(package.parts[-2:])

    def modules(self) -> dict[str, cms_config.EDProducer]:
        """The modules of the package's configuration that run ONNX.

        Returns:
            By label, with all parameters.

        Raises:
            InputError: the plugins or the configuration cannot be read.
        """
        done = self._run("describe")
        defaults = dict(_described(done.stdout))
        label = next((name for name in defaults if name.endswith("ONNX")), "").removesuffix("ONNX")
        file = self.package / "python" / f"{label}_cff.py"
        if not file.is_file():
            raise InputError(f"the package {self.package} has no {file.relative_to(self.package)}")
        with _importable(self._name.replace("/", "."), defaults):
            found: dict[str, Any] = {"__name__": file.stem}
            try:
                exec(compile(file.read_text("utf-8"), str(file), "exec"), found)
            except Exception as error:
                raise InputError(f"{file} cannot be read: {error}") from error
        return {
            name: value
            for name, value in found.items()
            if isinstance(value, cms_config.EDProducer)
            and value.plugin.endswith(_PRODUCER)
            and name != "_default"
        }

    def products(
        self, module: cms_config.EDProducer, events: str, model: Model, scratch: Path
    ) -> dict[str, np.ndarray]:
        """What a module puts into events.

        Args:
            module: of :meth:`modules`.
            events: as :func:`e2e_tf.deploy.closure_events.events_text` writes them.
            model: runs the models.
            scratch: an existing folder.

        Returns:
            float64 (n_jets,) by the name of the product, of all events one after the other.

        Raises:
            InputError: the module ends with an exception.
        """
        (scratch / "events").write_text(events, "utf-8")
        (scratch / "config").write_text(" ".join(module.words()) + "\n", "utf-8")
        files = [scratch / name for name in ("config", "events", "products")]
        self._run("events", module.plugin, *files, 2, model=model)
        found: dict[str, list[np.ndarray]] = {}
        for line in files[2].read_text("utf-8").splitlines():
            _, name, *values = line.split(" ")
            found.setdefault(name, []).append(np.array(values, np.float64))
        return {name: np.concatenate(values) for name, values in found.items()}

    def _run(self, *words: Any, model: Model | None = None) -> subprocess.CompletedProcess[str]:
        here, there = os.pipe()
        back, answers = os.pipe()
        environment = os.environ | {
            "CMSSW_SEARCH_PATH": str(self.package.parents[1]),
            "STANDIN_PIPES": f"{back} {there}",
            "STANDIN_SERVICES": "ONNXService",
        }
        with os.fdopen(here, "rb") as requests, os.fdopen(answers, "wb") as replies:
            process = subprocess.Popen(
                [str(self.program), *map(str, words)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
                pass_fds=(back, there),
            )
            os.close(there)
            os.close(back)
            server = threading.Thread(target=_serve, args=(requests, replies, model))
            server.start()
            out, error = process.communicate()
            server.join()
        if process.returncode:
            raise InputError(f"{self._name} failed: {(error.strip().splitlines() or ['no message'])[-1]}")
        return subprocess.CompletedProcess(process.args, 0, out, error)


def build_driver(package: Path, scratch: Path) -> Driver:
    """Compile a package over the stand-ins.

    Args:
        package: the folder ``Subsystem/Package`` that 'e2e-tf cmssw' wrote.
        scratch: an existing folder, for what is compiled.

    Returns:
        The driver with the package's ONNX producer.

    Raises:
        InputError: it is no such package, has no producer for ONNX, there is no compiler, or it does not compile.
    """
    package = package.resolve()
    producers = list((package / "plugins").glob(f"*{_PRODUCER}.cc"))
    if not (package / "src" / "JetTensors.cc").is_file():
        raise InputError(f"{package} is not a package of 'e2e-tf cmssw', the folder Subsystem/Package")
    if not producers:
        raise InputError(f"the closure runs ONNX, for which {package} has no producer")
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    if shutil.which(compiler[0]) is None:
        raise InputError(
            f"the closure compiles the package; there is no {compiler[0]}, set CXX to a C++17 compiler"
        )
    flags = ["-std=c++17", "-O0", "-DSTANDIN_EVENTS_ONLY"]
    flags += [f"-I{folder}" for folder in (_STANDIN, _STANDIN / "src", package.parents[1])]
    flags += [word for folder in _json_folders() for word in ("-idirafter", str(folder))]
    sources = [*sorted((package / "src").glob("*.cc")), *producers]
    sources += [_STANDIN / "src" / f"{name}.cc" for name in ("driver", "piped", "sessions")]

    def compiled(source: Path) -> Path:
        target = scratch / f"{source.stem}.o"
        _compile([*compiler, *flags, "-c", str(source), "-o", str(target)], source.name)
        return target

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compiled, sources))
    program = scratch / "driver"
    _compile([*compiler, "-o", str(program), *map(str, objects), "-pthread"], "the driver")
    return Driver(program, package)


def _compile(command: Sequence[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error" in line] or ["no message"]
        if "nlohmann" in done.stderr:
            said = [
                "no nlohmann/json.hpp; install nlohmann-json3-dev, or name its folder in CPLUS_INCLUDE_PATH"
            ]
        raise InputError(f"{what} does not compile: {said[0]}")


def _json_folders() -> list[Path]:
    """Where nlohmann/json.hpp is, beside the system's: what 'make cpp' fetched, or that of the TensorFlow package."""
    found = [_STANDIN.parent / "cpp" / "build" / "headers" / "usr" / "include"]
    spec = find_spec("tensorflow")
    for root in (spec.submodule_search_locations or []) if spec else []:
        found += [path.parents[1] for path in sorted(Path(root).glob(f"include/external/*/include/{_JSON}"))]
    return [folder for folder in found if (folder / "nlohmann" / "json.hpp").is_file()]


def _described(text: str) -> Iterator[tuple[str, cms_config.EDProducer]]:
    """Labels and plugins with their defaults, of what the driver says."""
    for block in re.split(r"^(?:plugin|filter) ", text, flags=re.MULTILINE)[1:]:
        head, *lines = block.splitlines()
        plugin, label = head.split(" ")
        parameters = {}
        for line in lines:
            kind, name, *words = line.split(" ")
            values: list[Any] = ["" if word == '""' else word for word in words]
            if kind == "uint32":
                values = [int(value) for value in values]
            elif kind in ("double", "vdouble"):
                values = [float(value) for value in values]
            elif kind in ("string", "InputTag") and not values:
                values = [""]
            parameters[name] = getattr(cms_config, kind)(*values)
        yield label, cms_config.EDProducer(plugin, **parameters)


@contextmanager
def _importable(package: str, defaults: Mapping[str, Any]) -> Iterator[None]:
    """Within, the configuration language and what scram writes from the descriptions of plugins can be imported."""
    language = ("FWCore", "FWCore.ParameterSet", "FWCore.ParameterSet.Config")
    made = {name: ModuleType(name) for name in language[:2]} | {language[2]: cms_config}
    made["FWCore.ParameterSet"].Config = cms_config  # type: ignore[attr-defined]
    made["FWCore"].ParameterSet = made["FWCore.ParameterSet"]  # type: ignore[attr-defined]
    parts = package.split(".")
    made |= {name: ModuleType(name) for name in (parts[0], package)}
    for label, module in defaults.items():
        name = f"{package}.{label}_cfi"
        made[name] = ModuleType(name)
        setattr(made[name], label, module)
    before = {name: sys.modules.get(name) for name in made}
    sys.modules.update(made)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def _serve(requests: BinaryIO, replies: BinaryIO, model: Model | None) -> None:
    """Answer the requests of piped.cc until the driver ends."""

    def taken(form: str = "") -> bytes:
        size = requests.read(8)
        if len(size) < 8:
            raise EOFError
        (count,) = struct.unpack("<Q", size)
        return requests.read(count * (struct.calcsize(form) if form else 1))

    def number() -> int:
        return int(struct.unpack("<Q", requests.read(8))[0])

    def sized(content: bytes, unit: int = 1) -> bytes:
        return struct.pack("<Q", len(content) // unit) + content

    try:
        while True:
            path, feeds = taken().decode(), {}
            for _ in range(number()):
                name, shape = taken().decode(), np.frombuffer(taken("q"), "<i8")
                feeds[name] = np.frombuffer(taken("f"), "<f4").reshape(shape)
            names = [taken().decode() for _ in range(number())]
            try:
                if model is None:
                    raise InputError("no model is run here")
                found = model(path, feeds, names)
                reply = struct.pack("<Q", 0)
                reply += b"".join(sized(np.ascontiguousarray(a, "<f4").tobytes(), 4) for a in found)
            except Exception as error:
                reply = struct.pack("<Q", 1) + sized(str(error).encode())
            replies.write(reply)
            replies.flush()
    except (EOFError, BrokenPipeError, struct.error):
        return  # the driver has ended
