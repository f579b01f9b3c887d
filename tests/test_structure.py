"""The rules of the tree, computed from the sources: imports without circles and in one direction, short files,
a test beside each module, complete docstrings. (That private parts of other libraries are imported in one place is in
test_compat.py.)

Lists of exceptions give a reason each, and an entry that is no longer needed fails as well.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path, PurePosixPath

import pytest
from sources import FOLDERS, Source, circles, imports, read_sources, shared_logic, undocumented

ROOT = Path(__file__).parents[1]
MODULES = read_sources(ROOT)
STUDIES = read_sources(ROOT, {"studies": "studies"})


@cache
def needed() -> dict[str, dict[str, int]]:
    """What each module imports; read when a test asks, as every process of pytest-xdist collects this file."""
    return imports(MODULES)


# --- circles and direction

ORDER = (
    # What anything may use and what uses nothing of the packages below.
    (
        "errors",
        "_version",
        "version",
        "changes",
        "files",
        "figure",
        "progress",
        "terminal",
        "page",
        "jobs",
        "compat",
    ),
    ("graph",),
    ("data",),
    ("sim",),
    ("layers",),
    ("losses",),  # object condensation reduces per graph with the layers' operations
    ("runtime",),  # registers layers and losses as it loads TensorFlow
    ("models",),
    ("config",),  # checks a model's settings and a graph's recipe
    ("training",),
    ("images",),  # drawn events and image classifiers: data at the bottom, metrics of classifiers at the top
    ("deploy",),
    ("tuning",),  # a search may measure the latency of what it would export
    ("demo", "new_project"),
    ("e2e_tf",),  # the public names, loaded on first use
    ("cli", "__main__"),
)
"""Top-level parts of e2e_tf, each importing only from lines above its own and from its own line."""


def part(module: str) -> str:
    """The line of ORDER that a module belongs to: its first name below e2e_tf."""
    return [*module.split("."), "e2e_tf"][1]


def upward(needed: dict[str, dict[str, int]]) -> set[tuple[str, str]]:
    """Imports against ORDER: who imports what."""
    rank = {name: i for i, names in enumerate(ORDER) for name in names}
    return {
        (module, other)
        for module, others in needed.items()
        for other in others
        if rank[part(other)] > rank[part(module)]
    }


def test_every_part_of_the_package_has_a_place_in_the_order():
    assert {part(module) for module in MODULES} <= {name for names in ORDER for name in names}


def test_there_are_no_import_circles():
    assert circles(needed()) == []
    assert circles(imports(STUDIES)) == []


def test_imports_go_one_way():
    assert upward(needed()) == set()


def source(text: str, package: bool = False) -> Source:
    return Source(Path("a.py"), text, package)


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("import p.b", "import p.a", True),
        ("from p.b import f", "from p import a", True),
        ("from p.b import f", "def g():\n    from p.a import h", True),
        ("from p.b import f", "if TYPE_CHECKING:\n    from p.a import H", True),
        ("from p.b import f", "_LAZY = {'h': 'p.a'}", True),
        ("from p.b import f", "HYPERMODELS = ['p.a:h']", True),
        ("from p.b import f", "'''As in p.a: imported as a whole.'''", False),
        ("from p.b import f", "from q.a import h", False),
        ("from p.b import f", "", False),
    ],
)
def test_a_circle_of_any_kind_of_import_is_found(first, second, found):
    needed = imports({"p": source("", True), "p.a": source(first), "p.b": source(second)})
    assert circles(needed) == ([["p.a", "p.b"]] if found else [])


def test_the_init_of_another_package_counts_but_not_that_of_the_own():
    modules = {
        "p": source("", True),
        "p.q": source("from p.q.a import f", True),
        "p.q.a": source("from p.q.b import g"),
        "p.q.b": source(""),
        "p.c": source("from p.q.b import g"),
    }
    assert imports(modules)["p.c"] == {"p.q": 1, "p.q.b": 1}
    assert circles(imports(modules)) == []
    modules["p.q.a"] = source("from p.c import g")
    assert circles(imports(modules)) == [["p.c", "p.q", "p.q.a"]]


def test_an_import_upward_is_found():
    assert upward({"e2e_tf.graph.knn": {"e2e_tf.data.jets": 3}, "e2e_tf.data.jets": {"e2e_tf.graph": 1}}) == {
        ("e2e_tf.graph.knn", "e2e_tf.data.jets")
    }


# --- length

LONGEST = 400


def test_long_files_say_why():
    """In docs/architecture.md, one line of a list each: - `path`: the reason."""
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for folder in FOLDERS.values()
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".hpp", ".cpp", ".h", ".cc"} and "build" not in path.parts
    }
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    explained = {path for path, _ in re.findall(r"^- `([\w/]+\.\w+)`: (\S.{30,})", text, flags=re.MULTILINE)}
    assert {path for path, count in lines.items() if count > LONGEST} == explained


# --- tests mirror the tree

ELSEWHERE = {
    "e2e_tf.__main__": ("cli/test_init.py", "one line that calls the command"),
    **{
        f"e2e_tf.cli.{name}": (
            "cli/test_init.py",
            "commands; the functions behind them have tests of their own",
        )
        for name in ("look", "common", "data", "export", "start", "train")
    },
    "e2e_tf.data": (None, "a docstring"),
    "e2e_tf.data.readers": ("data/readers/test_registry.py", "finds the readers and exports their names"),
    "e2e_tf.data.readers.object_tables": (
        "data/readers/test_nano_objects.py",
        "columns of collections, through the reader that gives them",
    ),
    "e2e_tf.data.samples": ("data/test_jets.py", "the path of a shipped file"),
    "e2e_tf.errors": (
        "cli/test_init.py",
        "the one exception; its sentence and exit status are the command line's",
    ),
    "e2e_tf.graph._kernels": (None, "a docstring"),
    "e2e_tf.graph._kernels.delaunay": ("graph/test_delaunay.py", "the compiled half of graph/delaunay.py"),
    "e2e_tf.graph._kernels.edges": ("graph/test_union.py", "the compiled half of sorting and uniting edges"),
    "e2e_tf.graph._kernels.grid": ("graph/test_grid.py", "the compiled half of graph/grid.py"),
    "e2e_tf.graph._kernels.image": ("graph/test_image.py", "the compiled half of graph/image.py"),
    "e2e_tf.graph._kernels.neighbours": ("graph/test_knn.py", "the compiled half of knn.py and radius.py"),
    "e2e_tf.images": (None, "public names of the package"),
    "e2e_tf.layers": ("test_init.py", "public names; that they register is tested with the package"),
    **{
        f"e2e_tf.layers.{name}": (
            "layers/test_global_pools.py",
            "the pools of a graph share one table of cases",
        )
        for name in (
            "global_attention_pool",
            "global_attn_sum_pool",
            "global_avg_pool",
            "global_max_pool",
            "global_sum_pool",
            "pooling",
        )
    },
    "e2e_tf.layers.pair_mlp": (
        "layers/test_edge_conv.py",
        "the network of EdgeConv and EdgeScore, in their formulas",
    ),
    "e2e_tf.losses": (None, "public names of the package"),
    "e2e_tf.sim": (None, "public names of the package"),
    "e2e_tf.training": (None, "a docstring"),
    "e2e_tf.training.display": (None, "public names of the package"),
    "e2e_tf.training.run_report": (None, "public names of the package"),
    **{
        f"e2e_tf.training.run_report.{name}": (
            "training/test_evaluate.py",
            "a run's page as a whole, and in a browser",
        )
        for name in ("document", "sections")
    },
    "e2e_tf.training.run_report.style": (
        "training/run_report/test_curves.py",
        "lines and bands, in the plots that have them",
    ),
    "e2e_tf.tuning": (None, "public names of the package"),
    "e2e_tf._version": ("test_packaging.py", "one number, which the build writes"),
    "e2e_tf.version": ("test_packaging.py", "one number, compared with the installed package's"),
    "e2e_tf.deploy": (None, "a docstring"),
    "e2e_tf.deploy.lowering": (None, "public names of the package"),
    "studies": (None, "a docstring"),
    "studies.detector": (None, "a docstring"),
    "studies.quark_gluon": (None, "a docstring"),
    "studies.tau": (None, "a docstring"),
    "studies.tau.chosen": (
        "deploy/test_shipped.py",
        "joins runs with `ensemble`, `evaluate` and `export`; what it made is shipped and tested",
    ),
    "studies.tau.scores": ("studies/tau/test_fresh.py", "where scores are written and read"),
    "e2e_tf.training.baseline": (None, "public names of the package"),
}
"""Modules without a test file of their own: the file (in tests/) that tests them, or None, and the reason."""

OF_NO_MODULE = {
    "data/readers/test_nano_versions.py": "files of NanoAOD v9 to v15 through all readers of NanoAOD",
    "cli/test_bad_input.py": "the list of bad inputs, from the command line",
    "deploy/test_bad_input.py": "bad input to every command of deploy, one table",
    "deploy/test_compiler_cache.py": "tests/helpers/compiler_cache.py, which compiles the same C++ once",
    "deploy/test_cpp.py": "deploy/cpp, the C++ builder and runners",
    "deploy/test_cpp_detector.py": "deploy/cpp on detector objects",
    "deploy/test_neighbours.py": "nearest neighbours inside of exported models, of graphs and of layers",
    "deploy/test_keras_layers.py": "layers of Keras one by one through export, and the table of them in the guide",
    "deploy/test_models.py": "every registered model through export and all runtimes",
    "deploy/test_shipped.py": "deploy/bundles, the bundles in the repository",
    "docs/test_notebooks.py": "docs/notebooks",
    "docs/test_commands.py": "commands and configurations on the pages of the site",
    "docs/test_pages.py": "code on the pages of the site",
    "docs/test_reference.py": "docs/_tools: the API reference and the check of the built site",
    "layers/test_global_pools.py": "the five pools of a graph, one table of cases",
    "models/test_examples.py": "examples, each script on its toy file",
    "parity/test_layers.py": "layers against recorded numbers of other libraries",
    "parity/test_models.py": "models against recorded numbers of other implementations",
    "test_grid.py": "tests/grid.py, which exports every model with all outputs, interfaces and forms",
    "test_mutate.py": "tests/mutate.py, which puts bugs into a copy of the tree",
    "test_packaging.py": "the wheel and the source distribution",
    "test_readme.py": "the README's code and commands",
    "test_structure.py": "this file",
    "training/test_outputs.py": "outputs beside the score, from the configuration through fit, evaluate and predict",
    "training/test_steps.py": "what fit accepts through every later step, model by input by output",
    "tuning/test_batch.py": "files for batch systems that e2e-tf new writes",
    "tuning/test_survival.py": "searches that are killed and go on, through several modules",
}
"""Test files that mirror no module: what they test."""


def mirror(module: str) -> str:
    """The place of a module's test in tests/: e2e_tf.data.jets in data/test_jets.py, an __init__ in test_init.py."""
    names = module.removeprefix("e2e_tf").lstrip(".").split(".")
    if {**MODULES, **STUDIES}[module].package:
        names.append("init")
    *folders, name = [name.strip("_") for name in names if name]
    return str(PurePosixPath(*folders, f"test_{name}.py"))


def test_every_module_has_its_test_or_a_reason():
    without = {module for module in (*MODULES, *STUDIES) if not (ROOT / "tests" / mirror(module)).exists()}
    assert without == set(ELSEWHERE)
    for file, _ in ELSEWHERE.values():
        assert file is None or (ROOT / "tests" / file).exists()


def test_every_test_has_its_module_or_a_reason():
    mirrors = {mirror(module) for module in (*MODULES, *STUDIES)}
    tests = {f.relative_to(ROOT / "tests").as_posix() for f in (ROOT / "tests").rglob("test_*.py")}
    assert tests - mirrors == set(OF_NO_MODULE)


def test_files_that_are_named_slow_or_long_exist():
    tree = ast.parse((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    named = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    slow, long = ast.literal_eval(named["SLOW"]), ast.literal_eval(named["LONG"])
    assert len(slow) > 10
    assert [name for name in (*slow, *long) if not (ROOT / "tests" / name).is_file()] == []


# --- one of each


def test_no_two_modules_share_ten_lines_of_logic():
    assert shared_logic({**MODULES, **STUDIES}, 10) == set()


def test_a_copy_with_other_names_is_found():
    def function(values: str, one: str, power: int) -> Source:
        return source(
            f"import os\ndef f({one}):\n    # {one}\n"
            f"    {values} = [{one} ** {power} for {one} in range(3)]\n    return sum({values}) + {one}\n"
        )

    copied = {"p.a": function("x", "y", 2), "p.b": function("u", "v", 2)}
    assert shared_logic(copied, 3) == {("p.a", "p.b")}
    assert shared_logic(copied, 4) == set()
    assert shared_logic({**copied, "p.b": function("x", "y", 3)}, 3) == set()


def test_fields_of_dataclasses_are_no_logic():
    table = "class {}:\n    {}: array\n    {}: array\n    {}: array\n"
    fields = {
        "p.a": source(table.format("A", "x", "y", "z")),
        "p.b": source(table.format("B", "u", "v", "w")),
    }
    assert shared_logic(fields, 3) == set()
    values = {name: source(module.text.replace("array", "int = 1")) for name, module in fields.items()}
    assert shared_logic(values, 3) == {("p.a", "p.b")}


# --- docstrings


def test_public_functions_and_classes_are_documented():
    """By the rules of :func:`sources.undocumented`, in every module whose name has no part that begins with ``_``."""
    public = {name: module for name, module in MODULES.items() if not re.search(r"\._(?!_main__)", name)}
    faults = {name: undocumented(module) for name, module in public.items()}
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("def f(): pass", ["summary"]),
        ("class F: pass", ["summary"]),
        ("def _f(x): return x", None),
        ("def f(x):\n    '''One.'''\n    return x", ["x", "Returns"]),
        ("def f(x):\n    '''One.\n\n    Args:\n        x: a number.\n    '''\n    return None", None),
        ("def f(x, y):\n    '''One.\n\n    Args:\n        x: a number, or y: none.\n    '''", ["y"]),
        ("def f(x, *y):\n    '''One.\n\n    Args:\n        x, *y: numbers.\n    '''", None),
        ("def f():\n    '''One.'''\n    yield 1", ["Yields"]),
        ("def f():\n    '''One.'''\n    def g(): return 1", None),
        ("def f():\n    '''One.'''\n    if 1: raise InputError('no')", ["Raises"]),
        (
            "def f():\n    '''One.\n\n    Raises:\n        InputError: always.\n    '''\n    raise InputError('no')",
            None,
        ),
        ("@app.command()\ndef f(x: Annotated[int, Option(help='a number')]):\n    '''One.'''", None),
        (
            "def f():\n    '''One.\n\n    Returns:\n        1.\n\n    Returns:\n        1.\n    '''\n    return 1",
            ["one section of each kind"],
        ),
        ("class F:\n    '''One.'''\n    def f(self, x): pass", ["summary", "x"]),
        (
            "class F:\n    '''One.'''\n    def call(self, x): return x\n    def on_epoch_end(self, x): return x",
            None,
        ),
        (
            "class F:\n    '''One.'''\n    @property\n    def f(self):\n        '''One.'''\n        return 1",
            None,
        ),
        ("@app.command()\ndef f(x):\n    '''One.'''", ["x"]),
    ],
)
def test_what_a_docstring_lacks_is_found(text, missing):
    found = undocumented(source(text))
    assert list(found.values()) == ([] if missing is None else [missing])
