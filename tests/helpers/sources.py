"""What the modules of the packages import, read from their sources without importing them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FOLDERS", "Source", "circles", "imports", "read_sources", "shared_logic", "undocumented"]

FOLDERS = {"e2e_tf": "e2e_tf", "e2e_tf.tuning": "tuning", "e2e_tf.deploy": "deploy"}
"""Package by the folder that holds it, as in setup.py."""
KERAS = frozenset(
    {
        "build",
        "call",
        "compute_mask",
        "compute_output_shape",
        "compute_output_spec",
        "from_config",
        "get_config",
    }
)
"""Methods of layers and losses that Keras calls; their inputs and outputs stand in the docstring of the class."""


@dataclass(frozen=True)
class Source:
    """One module.

    Attributes:
        path: its file, relative to the repository.
        text: what is in it.
        package: whether it is a package's ``__init__``.
    """

    path: Path
    text: str
    package: bool = False


def read_sources(root: Path, folders: Mapping[str, str] = FOLDERS) -> dict[str, Source]:
    """Every module of the packages by its full name.

    Folders that are data and not packages (an export bundle holds a script) are left out. ``_version.py``, which the
    build writes, is empty here, whether it is there or not.
    """
    found = {}
    for package, folder in folders.items():
        for file in sorted((root / folder).rglob("*.py")):
            inside = file.relative_to(root / folder)
            parents = [root / folder / p for p in inside.parents]
            if not all((p / "__init__.py").exists() for p in parents):
                continue
            is_package = file.name == "__init__.py"
            name = ".".join([package, *inside.parent.parts, *([] if is_package else [inside.stem])])
            found[name] = Source(file.relative_to(root), file.read_text(encoding="utf-8"), is_package)
    if "e2e_tf" in found:
        found["e2e_tf._version"] = Source(Path("e2e_tf", "_version.py"), "")
    return found


def imports(modules: Mapping[str, Source]) -> dict[str, dict[str, int]]:
    """For every module, the modules of the same packages that it needs, each with the first line that says so.

    Counted are imports at the top, in functions and under ``if TYPE_CHECKING``, and strings that are a module's
    whole name, with or without ``:attribute`` (the ``_LAZY`` tables and arguments of ``import_module``).

    Importing ``a.b.c`` runs the ``__init__`` of ``a`` and ``a.b`` first, so these are needed as well, but for
    packages that the importing module is in itself: theirs have begun to run before it.
    """
    needed: dict[str, dict[str, int]] = {}
    for name, source in modules.items():
        own = needed[name] = {}
        for target, line in sorted(_mentioned(ast.parse(source.text), modules), key=lambda m: m[1]):
            parts = target.split(".")
            above = [".".join(parts[:i]) for i in range(1, len(parts))]
            outside = [p for p in above if p in modules and p != name and not name.startswith(f"{p}.")]
            for module in (*outside, target):
                if module != name:
                    own.setdefault(module, line)
    return needed


def _mentioned(tree: ast.Module, modules: Mapping[str, Source]) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # The name of a top package alone is more often a word than a module.
            names = [n for n in [node.value.partition(":")[0]] if "." in n and n in modules]
        else:
            continue
        for name in names:
            while name and name not in modules:  # an attribute of a module
                name = name.rpartition(".")[0]
            if name:
                yield name, node.lineno


def circles(needed: Mapping[str, Mapping[str, object]]) -> list[list[str]]:
    """Groups of modules of which each needs every other, directly or through others (Tarjan 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_: list[str] = []
    found = []

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        open_.append(module)
        for other in needed.get(module, {}):
            if other not in order:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in open_:
                lowest[module] = min(lowest[module], order[other])
        if lowest[module] == order[module]:
            at = open_.index(module)
            group, open_[at:] = sorted(open_[at:]), []
            if len(group) > 1:
                found.append(group)

    for module in needed:
        if module not in order:
            visit(module)
    return sorted(found)


def shared_logic(modules: Mapping[str, Source], lines: int) -> set[tuple[str, ...]]:
    """Modules that have so many lines of statements in a row in common, whatever their variables are called.

    Docstrings, comments, imports, declarations without a value and the layout of the code do not count.
    """
    where: dict[tuple[str, ...], set[str]] = {}
    for name, source in modules.items():
        logic = _logic(source.text)
        for i in range(len(logic) - lines + 1):
            where.setdefault(tuple(logic[i : i + lines]), set()).add(name)
    return {tuple(sorted(names)) for names in where.values() if len(names) > 1}


def _logic(text: str) -> list[str]:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = "name"
        elif isinstance(node, ast.arg):
            node.arg, node.annotation = "name", None
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            documented = ast.get_docstring(node, clean=False) is not None
            node.body = [
                statement
                for statement in node.body[documented:]
                if not isinstance(statement, ast.Import | ast.ImportFrom) and not _is_declaration(statement)
            ] or [ast.Pass()]
    return [line.strip() for line in ast.unparse(tree).splitlines() if line.strip()]


def _is_declaration(statement: ast.stmt) -> bool:
    """``name: type``, such as a field of a dataclass: the types of columns repeat, and say nothing of logic."""
    return isinstance(statement, ast.AnnAssign) and statement.value is None


def undocumented(source: Source) -> dict[str, list[str]]:
    """What the docstrings of a module's public functions and classes lack, by name.

    A function needs a summary, ``Args`` with every argument, ``Returns`` or ``Yields`` where it gives something, and
    ``Raises`` with InputError where it raises one itself. So does a method, unless Keras calls it (:data:`KERAS` and
    callbacks) or pydantic does; a property needs no ``Returns``. A class needs a summary. Commands of the command line
    document their arguments by ``help=``.
    """
    found: dict[str, list[str]] = {}
    for node in ast.parse(source.text).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found[node.name] = _undocumented(node)
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found[node.name] = [] if ast.get_docstring(node) else ["summary"]
            methods = [method for method in node.body if isinstance(method, ast.FunctionDef)]
            found |= {f"{node.name}.{m.name}": _undocumented(m) for m in methods if _is_public_method(m)}
    return {name: missing for name, missing in found.items() if missing}


def _is_public_method(method: ast.FunctionDef) -> bool:
    checks = any("validator" in ast.unparse(decorator) for decorator in method.decorator_list)
    return not (method.name.startswith(("_", "on_")) or method.name in KERAS or checks)


def _undocumented(function: ast.FunctionDef) -> list[str]:
    text = ast.get_docstring(function) or ""
    blocks = re.findall(r"^(\w[\w ]*):\n((?:(?: .*)?(?:\n|$))+)", text, flags=re.MULTILINE)
    sections = dict(blocks)
    own = list(_own(function))
    given = [node for node in own if isinstance(node, ast.Return) and _is_something(node.value)]
    yields = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own)
    raises = any(isinstance(node, ast.Raise) and "InputError(" in ast.unparse(node) for node in own)
    missing = [] if text else ["summary"]
    if len(blocks) > len(sections):
        missing.append("one section of each kind")
    is_property = any("property" in ast.unparse(decorator) for decorator in function.decorator_list)
    for argument, is_helped in _arguments(function).items():
        named = re.search(
            rf"^ +([\w*]+, )*\**{argument}(, [\w*]+)*:", sections.get("Args", ""), flags=re.MULTILINE
        )
        if not named and not is_helped:
            missing.append(argument)
    if yields and "Yields" not in sections:
        missing.append("Yields")
    elif given and not yields and not is_property and "Returns" not in sections:
        missing.append("Returns")
    if raises and "InputError:" not in sections.get("Raises", ""):
        missing.append("Raises")
    return missing


def _own(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function's body, those of functions and classes inside of it left out."""
    left: list[ast.AST] = list(function.body)
    while left:
        node = left.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        yield node
        left += ast.iter_child_nodes(node)


def _is_something(value: ast.expr | None) -> bool:
    return value is not None and not (isinstance(value, ast.Constant) and value.value is None)


def _arguments(function: ast.FunctionDef) -> dict[str, bool]:
    """The arguments of a function, each with whether it is documented by ``help=`` in its annotation."""
    names = function.args
    several = [name for name in (names.vararg, names.kwarg) if name]
    return {
        name.arg: name.annotation is not None and _is_command(function)
        for name in [*names.posonlyargs, *names.args, *names.kwonlyargs, *several]
        if not name.arg.startswith("_") and name.arg not in ("self", "cls")
    }


def _is_command(function: ast.FunctionDef) -> bool:
    return any("app.command" in ast.unparse(decorator) for decorator in function.decorator_list)
