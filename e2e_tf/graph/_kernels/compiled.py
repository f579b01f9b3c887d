"""How the kernels are compiled: kept on disk where a folder for that can be written, in memory otherwise.

Numba takes its time for each statement, and several times as long where arrays are made, sliced or sorted as where a
number is read from a place in memory. So kernels are written as in C: they get numbers and flat arrays that the caller
has made, and index them with numbers that count from the first element. What NumPy does as quickly stays outside, and
``b if b < a else a`` stands for ``min(a, b)``, which is a function to compile for each type. Such functions need half
of numba's compiler only, and the types of all that they call are known: :class:`_Pipeline`.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numba import cfunc, config, njit, types, version_info
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager
from numba.core.dispatcher import Dispatcher

__all__ = ["Bytes", "Float32s", "Float64s", "Int32s", "Int64s", "Kernel", "inner", "kernel"]

# What an argument of a kernel is by its annotation; besides these, int and float are of 64 bits.
Bytes: TypeAlias = Any
Float32s: TypeAlias = Any
Float64s: TypeAlias = Any
Int32s: TypeAlias = Any
Int64s: TypeAlias = Any
_NUMBERS: dict[str, tuple[Any, Any]] = {
    "int": (types.int64, ctypes.c_int64),
    "float": (types.float64, ctypes.c_double),
    "None": (types.void, None),
}
_ARRAYS: dict[str, tuple[Any, Any]] = {
    "Bytes": (types.CPointer(types.uint8), None),  # the memory of an array of any type
    "Float32s": (types.CPointer(types.float32), np.dtype(np.float32)),
    "Float64s": (types.CPointer(types.float64), np.dtype(np.float64)),
    "Int32s": (types.CPointer(types.int32), np.dtype(np.int32)),
    "Int64s": (types.CPointer(types.int64), np.dtype(np.int64)),
}

# The releases of numba that the kernels were tried with; others compile them with all passes, in twice the time.
_KNOWN = ((0, 61), (0, 68))
# What kernels do not have: closures, array expressions, branches on constants, variables that change their type.
_LEFT_OUT = {
    "DeadBranchPrune",
    "GenericRewrites",
    "IRLegalization",
    "InlineClosureLikes",
    "InlineOverloads",
    "NopythonRewrites",
    "PreLowerStripPhis",
    "ReconstructSSA",
}
_from_buffer = (ctypes.c_char * 0).from_buffer


class _Typing:
    """What numba knows of types, with memory: kernels do the same with the same few types over and over."""

    _signatures: ClassVar[dict[Any, Any]] = {}

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """The signature of a function or operator for arguments of some types."""
        if keywords:
            return self._context.resolve_function_type(function, arguments, keywords)
        key = function, tuple(arguments)
        if key not in self._signatures:
            self._signatures[key] = self._context.resolve_function_type(function, arguments, keywords)
        return self._signatures[key]


class _Pipeline(CompilerBase):
    """Numba's compiler without the passes that kernels do not need.

    It compiles what a function calls beforehand, by the annotations: numba would do so while it looks for the types of
    the caller, once for each number that stands as a constant in the call.
    """

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile a function."""
        for name in func.__code__.co_names:
            called = func.__globals__.get(name)
            if isinstance(called, Dispatcher) and not called.signatures:
                called.compile(_signature(called.py_func))
                called.disable_compile()
        self.state.typingctx = _Typing(self.state.typingctx)
        return super().compile_extra(func)

    def define_pipelines(self) -> list[PassManager]:
        """What numba does with a function, in order."""
        manager = PassManager("kernel")
        for made, description in DefaultPassBuilder.define_nopython_pipeline(self.state).passes:
            if made.__name__ not in _LEFT_OUT:
                manager.add_pass(made, description)
        manager.finalize()
        return [manager]


_PIPELINE = _Pipeline if _KNOWN[0] <= version_info.short <= _KNOWN[1] else None


class Kernel:
    """A function of numbers and arrays, compiled with numba when it is first called, that runs without Python's lock.

    Attributes:
        py_func: the function itself, which does the same to flat arrays.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.py_func = function
        # Of the arguments, then of the result.
        self._types = list(function.__annotations__.values())
        # Of each argument, whether it is an array, and the type that its elements must have.
        self._arrays = [(name in _ARRAYS, _ARRAYS.get(name, (None, None))[1]) for name in self._types[:-1]]
        self._entry: Any = None
        self._lock = Lock()

    def __call__(self, *arguments: Any) -> Any:
        """Run the kernel.

        Args:
            arguments: numbers, and arrays in C order of the types that the function names; only arrays that are
                written to need be writable.

        Returns:
            What the function returns: a number or None.

        Raises:
            TypeError: an array has another type, or is not in C order.
        """
        entry = self._entry or self._compiled()
        return entry(
            *(
                _memory(value, elements) if array else value
                for (array, elements), value in zip(self._arrays, arguments, strict=True)
            )
        )

    def _compiled(self) -> Any:
        with self._lock:
            if self._entry is None:
                # Nothing in a kernel divides by zero; with Python's rules each division would hold an error of its own.
                with _garbage_kept():
                    self._made = cfunc(
                        _signature(self.py_func),
                        cache=_has_cache(),
                        error_model="numpy",
                        pipeline_class=_PIPELINE,
                    )(self.py_func)
                passed = (
                    ctypes.c_void_p if name in _ARRAYS else _NUMBERS[name][1] for name in self._types[:-1]
                )
                self._entry = ctypes.CFUNCTYPE(_NUMBERS[self._types[-1]][1], *passed)(self._made.address)
            return self._entry


class Interpreted(Kernel):
    """A kernel that Python runs, as ``NUMBA_DISABLE_JIT`` asks: numba heeds it for functions, but not for cfuncs."""

    def __call__(self, *arguments: Any) -> Any:
        """Run the function; arguments, result and errors are those of :class:`Kernel`."""
        return self.py_func(
            *(
                _flat(value, elements) if array else value
                for (array, elements), value in zip(self._arrays, arguments, strict=True)
            )
        )


def kernel(function: Callable[..., Any]) -> Kernel:
    """Make a kernel that Python calls.

    What was compiled is kept on disk for the next process. Where neither the installation nor the user's cache folder
    (or ``NUMBA_CACHE_DIR``) can be written, as in containers and batch jobs, every process compiles for itself.

    Args:
        function: in a module of this folder, with annotations out of ``int``, ``float`` and the arrays of this module.

    Returns:
        The kernel; with ``NUMBA_DISABLE_JIT`` one that Python runs.
    """
    return Interpreted(function) if config.DISABLE_JIT else Kernel(function)


def inner(function: Callable[..., Any]) -> Any:
    """Make a function that kernels call, and are kept on disk with; Python calls its ``py_func``.

    Args:
        function: of the same kinds of arguments as a kernel.

    Returns:
        The dispatcher of numba.
    """
    return njit(
        error_model="numpy", pipeline_class=_PIPELINE, no_cpython_wrapper=True, no_cfunc_wrapper=True
    )(function)


def _signature(function: Callable[..., Any]) -> Any:
    """Of which types of numba the arguments and the result of a function are."""
    *arguments, result = (
        (_ARRAYS.get(name) or _NUMBERS[name])[0] for name in function.__annotations__.values()
    )
    return result(*arguments)


def _memory(array: Any, elements: np.dtype[Any] | None) -> Any:
    """Where an array begins."""
    _check_type(array, elements)
    try:
        return _from_buffer(array)  # a fraction of the microseconds of array.ctypes
    except TypeError:  # cannot be written to, or is not in C order
        _check_order(array)
        return array.ctypes.data


def _flat(array: np.ndarray, elements: np.dtype[Any] | None) -> np.ndarray:
    """The elements of an array in one row, its bytes if they may be of any type."""
    _check_type(array, elements)
    _check_order(array)
    return array.reshape(-1).view(np.uint8 if elements is None else elements)


def _check_type(array: np.ndarray, elements: np.dtype[Any] | None) -> None:
    if elements is not None and array.dtype != elements:
        raise TypeError(f"a kernel needs an array of {elements}, got {array.dtype}")


def _check_order(array: np.ndarray) -> None:
    if not array.flags.c_contiguous:
        raise TypeError(f"a kernel needs an array in C order, got strides {array.strides}")


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """Within, no garbage is looked for: numba makes so many objects that this takes a tenth of a compilation."""
    looked_for = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked_for:
            gc.enable()


@cache
def _has_cache() -> bool:
    """Whether numba finds a folder to write to; for all modules here at once, as they lie in one folder."""
    try:
        njit(cache=True)(_nothing)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        return False
    return True


def _nothing() -> None:
    """What the cache is tried with; never compiled."""
