"""Pages of the API reference: for every package a page, for every layer and every model a page of its own.

Public is what stands in ``__all__`` of a module none of whose names begins with ``_``. Nothing is imported:
the sources are read, as mkdocstrings reads them.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from layer_pictures import figure
from model_steps import diagram, inputs_table, models_of

__all__ = ["FOLDERS", "LAYERS", "MODELS", "PACKAGES", "page_of", "pages", "public_names"]

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"e2e_tf.deploy": "deploy", "e2e_tf.tuning": "tuning", "e2e_tf": "e2e_tf"}
"""Packages by folder, as in setup.py."""

PACKAGES = {
    "e2e_tf": "What every program uses, and the modules that all packages share.",
    "e2e_tf.graph": "Batches of graphs and builders of edges, in NumPy.",
    "e2e_tf.data": "Files to jets, jets to features, graphs and batches.",
    "e2e_tf.data.readers": "One reader for each format of files.",
    "e2e_tf.sim": "Simulated jets, with Pythia 8 and a parametrised detector.",
    "e2e_tf.layers": "Keras layers of graph networks. Each has a page of its own under Layers.",
    "e2e_tf.losses": "Losses beyond those of Keras.",
    "e2e_tf.models": "Models by name. Each has a page of its own under Models.",
    "e2e_tf.training": "Training, evaluation, predictions, plots.",
    "e2e_tf.training.baseline": "Boosted trees that stand beside every network.",
    "e2e_tf.images": "Drawn collision events and classifiers of images.",
    "e2e_tf.deploy": "Export, validation, C++, CMSSW, Triton.",
    "e2e_tf.deploy.lowering": "Operations that old releases lack, by those that they have.",
    "e2e_tf.tuning": "Searches for better settings.",
    "e2e_tf.cli": "The command line.",
}
"""Pages of the reference, each with what stands at its top."""

MODELS = {
    "gat_cheb": "GATCheb",
    "particle_net": "ParticleNet",
    "particle_attention": "ParticleTransformer",
    "deep_sets": "DeepSets",
    "detector_net": "DetectorNet",
    "level2_cnn": "Level2CNN",
    "graph_net": "GraphNet",
    "gcn_belle": "GCNBelle",
    "fcn": "FCN",
    "egamma_hybrid": "EGammaHybrid",
    "quark_gluon_cnn": "QuarkGluonCNN",
    "event_images": "EventImages",
}
"""Modules of ``e2e_tf.models`` that build a model, each with the dataclass of its settings."""


@cache
def _modules() -> dict[str, Path]:
    """Public modules by name."""
    found = {}
    for package, folder in FOLDERS.items():
        for file in sorted((ROOT / folder).rglob("*.py")):
            inside = file.relative_to(ROOT / folder)
            if not all((ROOT / folder / parent / "__init__.py").exists() for parent in inside.parents):
                continue
            parts = [*inside.parent.parts, *([] if inside.stem == "__init__" else [inside.stem])]
            if not any(part.startswith("_") for part in parts):
                found[".".join([package, *parts])] = file
    return found


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_modules()[module].read_text(encoding="utf-8"))


def _assigned(module: str, name: str) -> ast.expr | None:
    for node in _tree(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return node.value
    return None


@cache
def _sources(module: str) -> dict[str, str]:
    """Names that a module takes from other modules of the library, by import or through ``_LAZY``."""
    found = {}
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("e2e_tf"):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    lazy = _assigned(module, "_LAZY")
    if lazy is not None:
        found |= {name: f"{source}.{name}" for name, source in ast.literal_eval(lazy).items()}
    aliases = _assigned(module, "_ALIASES")
    if aliases is not None:
        found |= {name: found[other] for name, other in ast.literal_eval(aliases).items()}
    return found


@cache
def _all(module: str) -> tuple[str, ...]:
    value = _assigned(module, "__all__")
    if not isinstance(value, ast.List):
        return ()
    names: list[str] = []
    for item in value.elts:
        if isinstance(item, ast.Starred):
            names += ast.literal_eval(_assigned(module, ast.unparse(item.value)))  # type: ignore[arg-type]
        else:
            names.append(ast.literal_eval(item))
    return tuple(names)


def _defined(name: str) -> str:
    """Where a name is defined: followed through the modules that only pass it on."""
    module, _, last = name.rpartition(".")
    source = _sources(module).get(last, name) if module in _modules() else name
    return name if source == name else _defined(source)


@cache
def public_names() -> dict[str, str]:
    """Every public name as it is imported, with the name of its definition.

    Returns:
        Such as ``e2e_tf.graph.knn`` with ``e2e_tf.graph.knn.knn``; modules that are exported as names are left out.
    """
    found = {}
    for module in _modules():
        for name in _all(module):
            target = _defined(f"{module}.{name}")
            if target not in _modules():
                found[f"{module}.{name}"] = target
    return found


def _own(module: str) -> list[str]:
    return [name for name in _all(module) if public_names().get(f"{module}.{name}") == f"{module}.{name}"]


LAYERS = {
    name: public_names()[f"e2e_tf.layers.{name}"]
    for name in _all("e2e_tf.layers")
    if public_names()[f"e2e_tf.layers.{name}"].startswith("e2e_tf.layers.")
}
"""Layers by the name that users import, each with its definition."""


def _unpacked(module: str) -> set[str]:
    """Constants that one statement assigns together, such as ``A, B = range(2)``; griffe does not know them."""
    assigned = [node for node in _tree(module).body if isinstance(node, ast.Assign)]
    targets = [target for node in assigned for target in node.targets if isinstance(target, ast.Tuple)]
    return {name.id for target in targets for name in target.elts if isinstance(name, ast.Name)}


def _undocumented(module: str) -> set[str]:
    """Constants without a docstring of their own, which mkdocstrings shows only where they are asked for by name."""
    body = _tree(module).body
    found = set()
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
            told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            found |= set() if told and len(names) == 1 else names
    return found


def page_of(module: str) -> str:
    """The package on whose page a module stands: the longest of :data:`PACKAGES` that it begins with."""
    return max((p for p in PACKAGES if f"{module}.".startswith(f"{p}.")), key=len)


def _members(module: str, names: list[str], level: int) -> str:
    together = [name for name in names if name in _unpacked(module)]
    bare = [name for name in names if name in _undocumented(module) and name not in together]
    listed = "".join(f"\n        - {name}" for name in names if name not in (*bare, *together)) or " false"
    text = f"::: {module}\n    options:\n      heading_level: {level}\n      members:{listed}\n"
    text += "".join(
        f"\n::: {module}.{name}\n    options:\n      heading_level: {level + 1}\n" for name in bare
    )
    anchors = [f'<a id="{module}.{name}"></a>`{name}`' for name in together]
    return f"{text}\nConstants: {', '.join(anchors)}\n" if together else text


def _shape(module: str) -> str:
    """How the models of a module are built, what they take, and their layers."""
    models = models_of(module)
    calls = ", ".join(f'`build_model("{name}", n_features, n_globals, settings)`' for name in models)
    lines = [calls, inputs_table(next(iter(models)))]
    for name, model in models.items():
        features, further = model["features"]
        title = (
            f"Layers of `{name}` in its default settings"
            if len(models) > 1
            else "Layers in the default settings"
        )
        given = f"{features} features" + (f" and {further} of the jet" if further else "")
        lines += [f"{title}, for {given}: {model['parameters']:,} parameters", diagram(name)]
    return "\n\n".join(lines)


def pages() -> dict[str, str]:
    """The generated pages.

    Returns:
        Markdown by the page's path below the folder of the documentation.
    """
    found = {}
    elsewhere = {target.rpartition(".")[0] for target in LAYERS.values()}
    elsewhere |= {f"e2e_tf.models.{name}" for name in MODELS}
    for package, text in PACKAGES.items():
        lines = [f"# {package}\n", f"{text}\n"]
        exported = [name for name in _all(package) if f"{package}.{name}" in public_names()]
        passed_on = [name for name in exported if name not in _own(package)]
        if passed_on:
            lines.append(f"These names are imported from `{package}`:\n")
            links = [f"[`{name}`][{public_names()[f'{package}.{name}']}]" for name in passed_on]
            lines.append(", ".join(links) + "\n")
        here = [module for module in _modules() if page_of(module) == package and module not in elsewhere]
        lines += [_members(module, _own(module), 2) for module in here if _own(module)]
        targets = [public_names()[f"{package}.{name}"] for name in passed_on]
        private = [target for target in targets if "._" in target]  # of a module without a place on a page
        lines += [f"::: {target}\n    options:\n      heading_level: 2\n" for target in private]
        found[f"api/{package}.md"] = "\n".join(lines)
    for name, target in LAYERS.items():
        module = target.rpartition(".")[0]
        found[f"layers/{name}.md"] = (
            f"# {name}\n\n`from e2e_tf.layers import {name}`\n\n{figure(name)}\n\n"
            + "".join(f"::: {module}.{one}\n    options:\n      heading_level: 2\n" for one in _own(module))
        )
    for name in MODELS:
        module = f"e2e_tf.models.{name}"
        parts = "".join(
            f"::: {module}.{one}\n    options:\n      heading_level: 2\n"
            for one in sorted(_own(module), key=lambda one: (one != name, one != MODELS[name]))
        )
        found[f"models/{name}.md"] = f"# {name}\n\n{_shape(name)}\n\n{parts}"
    return found
