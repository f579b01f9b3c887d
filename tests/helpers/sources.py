"""What the modules of the packages import, read from their sources without importing them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FOLDERS", "Source", "circles", "imports", "read_sources", "shared_logic"]

FOLDERS = {"e2e_tf": "e2e_tf", "e2e_tf.tuning": "tuning", "e2e_tf.deploy": "deploy"}
"""Package by the folder that holds it, as in setup.py."""


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

    Folders that are data and not packages (an export bundle holds a script) are left out.
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

    Docstrings, comments, imports and the layout of the code do not count.
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
                if not isinstance(statement, ast.Import | ast.ImportFrom)
            ] or [ast.Pass()]
    return [line.strip() for line in ast.unparse(tree).splitlines() if line.strip()]
