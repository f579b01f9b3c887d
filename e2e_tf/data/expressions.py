"""Expressions of columns, such as ``pt > 20 & abs(eta) < 2.5``, which are parsed and never run as code.

Python's parser reads the text; of its tree only numbers, names, arithmetic, comparisons, logic and the functions of
:data:`FUNCTIONS` are accepted. ``&``, ``|`` and ``!`` (also ``&&``, ``||``) bind more loosely than comparisons, as in
ROOT; ``and``, ``or`` and ``not`` are the same.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["FUNCTIONS", "Expression"]

_LENGTH = 1000  # characters
_DEPTH = 50

FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    **{
        name: (1, getattr(np, name))
        for name in (
            "sqrt",
            "exp",
            "expm1",
            "log",
            "log10",
            "log1p",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
        )
    },
    **{
        name: (1, getattr(np, name))
        for name in ("arcsin", "arccos", "arctan", "floor", "ceil", "isfinite", "sign")
    },
    "abs": (1, np.abs),
    "round": (1, np.round),
    "arctan2": (2, np.arctan2),
    "hypot": (2, np.hypot),
    "min": (2, np.minimum),
    "max": (2, np.maximum),
    "where": (3, np.where),
}
"""Number of arguments and meaning of each function."""

_BINARY: dict[type, Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_COMPARE: dict[type, Callable[..., Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
_CONSTANTS = {"pi": np.pi}
_WORDS = {"&": " and ", "&&": " and ", "|": " or ", "||": " or ", "!": " not "}


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes:
        text: as it was written.
        names: of the columns that it needs, each once, in the order of their first use.
    """

    text: str
    names: tuple[str, ...]
    _tree: ast.expr

    @classmethod
    def parse(cls, text: str, what: str = "the expression") -> Expression:
        """Read an expression.

        Args:
            text: such as ``log(pt / mass)``.
            what: what to call it in a message, such as the key of a configuration.

        Returns:
            The expression.

        Raises:
            InputError: it cannot be read, or holds something that is not accepted; the sentence says what.
        """
        if not isinstance(text, str) or not text.strip() or len(text) > _LENGTH:
            raise InputError(f"{what} must be a text of 1 to {_LENGTH} characters, not {text!r:.60}")
        try:
            tree = ast.parse(_with_words(text), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
            raise InputError(f"{what} cannot be read: {text!r} ({_reason(error)})") from error
        names: dict[str, None] = {}
        _check(tree, f"{what} {text!r}", names, 0)
        return cls(text, tuple(names), tree)

    def evaluate(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """The values for columns of one length.

        Args:
            columns: by name, (n,) each, with all of :attr:`names`; they count as float64.

        Returns:
            float64 (n,) or bool (n,); a single number if no column is used.

        Raises:
            InputError: a column is missing; the sentence lists those there are.
        """
        missing = [name for name in self.names if name not in columns]
        if missing:
            raise InputError(
                f"{self.text!r} needs {', '.join(missing)}; there are: {', '.join(sorted(columns)) or 'none'}"
            )
        with np.errstate(all="ignore"):  # whoever asks looks at what is not finite
            return _real(_value(self._tree, columns))


def _with_words(text: str) -> str:
    """The text with ``and``, ``or`` and ``not`` for the signs of logic, which Python binds more tightly."""
    text = (
        text.replace("&&", "&")
        .replace("||", "|")
        .replace("!=", "\0")
        .replace("!", " not ")
        .replace("\0", "!=")
    )
    tokens = tokenize.generate_tokens(io.StringIO(" ".join(text.split())).readline)
    return " ".join(_WORDS.get(token.string, token.string) for token in tokens).strip()


def _reason(error: BaseException) -> str:
    return str(error).partition("(")[0].strip() or type(error).__name__


def _check(node: ast.AST, what: str, names: dict[str, None], depth: int) -> None:
    """Refuse every kind of node that is not accepted; note the names of columns."""
    if depth > _DEPTH:
        raise InputError(f"{what} is nested more than {_DEPTH} deep")

    def each(*nodes: ast.AST) -> None:
        for one in nodes:
            _check(one, what, names, depth + 1)

    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        try:
            float(node.value)
        except OverflowError as error:
            raise InputError(f"{what} holds a number that is too large") from error
    elif isinstance(node, ast.Name):
        if node.id not in _CONSTANTS:
            names[node.id] = None
    elif isinstance(node, ast.BoolOp):
        each(*node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.UAdd):
        each(node.operand)
    elif isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        each(node.left, node.right)
    elif isinstance(node, ast.Compare) and all(type(op) in _COMPARE for op in node.ops):
        each(node.left, *node.comparators)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        known = FUNCTIONS.get(node.func.id)
        if known is None:
            raise InputError(
                f"{what}: there is no function {node.func.id!r}; there are {', '.join(FUNCTIONS)}"
            )
        if len(node.args) != known[0] or any(isinstance(one, ast.Starred) for one in node.args):
            raise InputError(f"{what}: {node.func.id} takes {known[0]} values, not {len(node.args)}")
        each(*node.args)
    else:
        raise InputError(
            f"{what}: {type(node).__name__} is not accepted; numbers, columns, + - * / // % **, comparisons, & | ! and "
            f"the functions {', '.join(FUNCTIONS)} are"
        )


def _value(node: Any, columns: Mapping[str, np.ndarray]) -> Any:
    if isinstance(node, ast.Constant):
        number: Any = node.value
        if isinstance(number, bool):
            return np.bool_(number)
        return np.int64(number) if isinstance(number, int) and abs(number) < 1 << 63 else np.float64(number)
    if isinstance(node, ast.Name):
        if node.id in columns:
            values = np.asarray(columns[node.id])
            whole = values.dtype != bool and np.can_cast(values.dtype, np.int64)
            return values.astype(np.int64) if whole else _real(values)
        return np.float64(_CONSTANTS[node.id])
    if isinstance(node, ast.BoolOp):
        parts = [np.asarray(_value(one, columns)).astype(bool) for one in node.values]
        combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return combine.reduce(np.broadcast_arrays(*parts))
    if isinstance(node, ast.UnaryOp):
        value = _value(node.operand, columns)
        if isinstance(node.op, ast.Not):
            return np.logical_not(np.asarray(value).astype(bool))
        value = np.asarray(value, np.float64)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        pair = [np.asarray(_value(one, columns)) for one in (node.left, node.right)]
        # The remainder of an event number, which float64 need not hold, tells even from odd ones.
        if not (
            isinstance(node.op, ast.Mod) and all(one.dtype == np.int64 for one in pair) and pair[1].all()
        ):
            pair = [one.astype(np.float64) for one in pair]
        return _BINARY[type(node.op)](*pair)
    if isinstance(node, ast.Compare):
        sides = [_value(one, columns) for one in (node.left, *node.comparators)]
        pairs = zip(node.ops, sides, sides[1:], strict=False)
        return np.logical_and.reduce(
            np.broadcast_arrays(*(_COMPARE[type(op)](left, right) for op, left, right in pairs))
        )
    return FUNCTIONS[node.func.id][1](*(_real(_value(one, columns)) for one in node.args))


def _real(values: Any) -> np.ndarray:
    """Numbers as float64; truth values stay."""
    found = np.asarray(values)
    return found if found.dtype == bool else found.astype(np.float64)
