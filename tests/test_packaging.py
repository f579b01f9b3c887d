"""What is installed: one top-level name, one version, all files; what the source distribution holds.

A copy of the tree becomes a source distribution, that one the wheel, and the wheel is installed in an environment of
its own, which sees the dependencies of this one but not the clone. Nothing is downloaded.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path

import pytest
from setuptools_scm import get_version

import e2e_tf

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
MADE = (
    ".*_cache",
    "_version.py",
    ".git",
    ".hypothesis",
    ".venv*",
    "__pycache__",
    "*.egg-info",
    "*.py[cod]",
    "build",
    "dist",
)

# The version of the tree that is built here; nothing else calls itself so.
VERSION = "9.8.7"
# Git itself, without the settings of whoever runs the tests.
GIT = ("git", "-c", "user.name=tests", "-c", "user.email=tests@example.org", "-c", "commit.gpgsign=false")

TEXTS = ("packaging/Containerfile", "packaging/conda/recipe.yaml")

# Compiling the graph kernels takes longer than all else, and what is tested here is whether the parts find one another.
DEMO = """
import os
os.environ["NUMBA_DISABLE_JIT"] = "1"
import numpy as np
from e2e_tf import evaluate, export, fit, read_jets, validate
from e2e_tf.data.jets import write_jets
from e2e_tf.data.samples import sample_path

write_jets("tau.h5", read_jets(sample_path("tau")).take(np.arange(300)))
run = fit("tiny.toml", "run")
found = evaluate(run, bootstraps=5, baselines=False)
export(run, "bundle", formats=("onnx", "pb"), proof=0)
# Without `make cpp` the runs in C++ are missing.
here = [one for one in validate("bundle", jets=5) if not one.missing]
print(list(found["classifiers"]), len(here), all(one.passed for one in here))
"""
# Plain asserts: rewriting them is half of the time that collecting takes.
TESTS = """
import sys
import pytest
print("of the tests", flush=True)
source, few = sys.argv[1:]
options = ("-q", "--assert=plain", "-p", "no:cacheprovider", "--rootdir", source, "-k", few)
sys.exit(pytest.main([*options, "-c", f"{source}/pyproject.toml", f"{source}/tests"]))
"""
CONFIG = """
[data]
sample = "tau.h5"
split = [0.6, 0.2, 0.2]
[graph]
nodes = "candidates"
edges = "knn:2"
[model]
name = "deep_sets"
phi = [16]
dense = [16]
[training]
epochs = 1
batch_size = 32
"""


def run(*command: object, folder: Path) -> str:
    """Standard output of a command in a folder, without this process' search path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**environment, "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def build(kind: str, source: Path, out: Path) -> Path:
    """``build_sdist`` or ``build_wheel`` of the build backend that pyproject.toml names."""
    out.mkdir()
    code = f"import setuptools.build_meta as backend; backend.{kind}({str(out)!r})"
    run(sys.executable, "-c", code, folder=source)
    (built,) = out.iterdir()
    return built


def files(folder: Path) -> set[str]:
    """What is below a folder, but for what is made there."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        path.as_posix()
        for path in found
        if not any(fnmatch(part, pattern) for part in path.parts for pattern in MADE)
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """The source distribution of this tree, unpacked: of an archive of it, which has no git but knows its tag."""
    folder = tmp_path_factory.mktemp("packaging")
    tree = Path(shutil.copytree(ROOT, folder / "tree", ignore=shutil.ignore_patterns(*MADE), symlinks=True))
    (tree / ".git_archival.txt").write_text(f"describe-name: v{VERSION}\n")
    with tarfile.open(build("build_sdist", tree, folder / "sdist")) as archive:
        archive.extractall(folder / "unpacked")
    (unpacked,) = (folder / "unpacked").iterdir()
    return unpacked


@pytest.fixture(scope="module")
def wheel(source) -> Path:
    return build("build_wheel", source, source.parents[1] / "wheel")


@pytest.fixture(scope="module")
def python(wheel) -> Path:
    """Python of an environment with the wheel, outside the clone.

    The dependencies are found by their folders; the files in them that lead an editable install to the clone are read
    in the environment's own folder only.
    """
    folder = wheel.parents[1] / "environment"
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    others = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (site / "dependencies.pth").write_text("\n".join(others) + "\n")
    python = folder / "bin" / "python"
    options = ("--quiet", "--no-deps", "--no-index", "--ignore-installed", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, folder=folder)
    return python


@pytest.fixture(scope="module")
def printed(source, python, tmp_path_factory) -> tuple[str, str]:
    """What a small demo and then pytest print, in a user's folder with files of the names of this library's folders.

    Both in one process: loading TensorFlow and the library is most of the time of either.
    """
    crowded = tmp_path_factory.mktemp("crowded")
    (crowded / "deploy.py").write_text("raise ImportError('this is not e2e_tf.deploy')\n")
    (crowded / "tuning").mkdir()
    (crowded / "tuning" / "__init__.py").write_text("raise ImportError('this is not e2e_tf.tuning')\n")
    (crowded / "tiny.toml").write_text(CONFIG)
    code = "from e2e_tf.tuning import tune, SearchSpace\n" + DEMO + TESTS
    few = "test_files.py or test_rows.py or test_the_commands_exist or test_make_goals_exist"
    demo, _, tests = run(python, "-c", code, source, few, folder=crowded).partition("of the tests\n")
    return demo, tests


def test_the_conda_recipe_has_the_dependencies_of_the_package():
    """Name by name and version by version; conda-forge calls one of them otherwise."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    wanted = {line.split(";")[0].strip() for line in project["dependencies"]}
    wanted |= {f"python{project['requires-python']}"}
    recipe = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    run = recipe.partition("  run:\n")[2].partition("\n\n")[0]
    named = [line.strip().removeprefix("- ").replace(" ", "") for line in run.splitlines()]
    assert {line.replace("matplotlib-base", "matplotlib") for line in named} == wanted
    assert len(named) == len(set(named))
    # What the recipe installs without dependencies is what it lists; it is built by what builds the wheel.
    assert "--no-deps" in recipe
    with (ROOT / "pyproject.toml").open("rb") as file:
        builders = tomllib.load(file)["build-system"]["requires"]
    for builder in builders:
        assert f"    - {builder.replace('>=', ' >=')}\n" in recipe


def test_the_workflows_lint_the_container_and_check_what_is_uploaded():
    ci, release = (
        (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
        for name in ("ci", "release")
    )
    assert "hadolint packaging/Containerfile" in ci
    assert "python -m build && twine check --strict dist/*" in release
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "packaging" / "Containerfile").read_text(), re.MULTILINE)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name


def test_the_installed_version_is_the_package_s():
    assert version("e2e-tf") == e2e_tf.__version__


def test_the_project_s_address_is_one_and_stands_in_two_files():
    """The owner changes it there, as CONTRIBUTING.md says."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        urls = tomllib.load(file)["project"]["urls"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    (address,) = re.findall(r"^url: (\S+)$", citation, flags=re.MULTILINE)
    assert urls["Source"] == address
    assert {name for name, url in urls.items() if not url.startswith(address)} == set()
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert contributing.count(address) == 1 or "placeholder" not in contributing
    texts = [ROOT / name for name in ("README.md", "CHANGELOG.md", "mkdocs.yml", *TEXTS)]
    texts += [
        path for folder in ("docs", ".github", "e2e_tf") for path in (ROOT / folder).rglob("*.[mpy][dym]*")
    ]
    assert [path for path in texts if path.is_file() and address in path.read_text(errors="ignore")] == []


@pytest.fixture(scope="module")
def tagged(tmp_path_factory) -> Path:
    """A repository of the files that say the version, with a tag on its commit."""
    folder = tmp_path_factory.mktemp("tagged") / "clone"
    folder.mkdir()
    for name in (".gitattributes", "CHANGELOG.md", "CITATION.cff", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    # As it stands in git; in an unpacked archive it is filled in.
    form = "describe-name: $Format:%(describe:tags=true,match=v[0-9]*)$\n"
    (folder / ".git_archival.txt").write_text(form)
    if (ROOT / ".git").exists():
        assert form in (ROOT / ".git_archival.txt").read_text(encoding="utf-8")
    for command in ("init -q", "add .", "commit -qm tests", f"tag v{VERSION}"):
        run(*GIT, *command.split(), folder=folder)
    return folder


@pytest.mark.filterwarnings("ignore:git archive did not support describe output")  # said of the copy
def test_the_version_comes_from_the_tag(tagged, tmp_path):
    """In a clone at the tag and after it, in archives of both, in a clone without tags, and in a copy without git."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        unknown = tomllib.load(file)["tool"]["setuptools_scm"]["fallback_version"]

    def version_in(folder: Path) -> str:
        return get_version(folder, fallback_root=folder, fallback_version=unknown)

    def archived(name: str) -> Path:
        run(*GIT, "archive", "-o", tmp_path / f"{name}.tar", "HEAD", folder=tagged)
        with tarfile.open(tmp_path / f"{name}.tar") as archive:
            archive.extractall(tmp_path / name)
        return tmp_path / name

    assert version_in(tagged) == VERSION
    assert version_in(archived("release")) == VERSION
    run(*GIT, "commit", "-qm", "after", "--allow-empty", folder=tagged)
    try:
        assert version_in(tagged).startswith("9.8.8.dev1+g")
        assert version_in(archived("after")).startswith("9.8.8.dev1+g")
        run(*GIT, "clone", "-q", "--no-tags", tagged, tmp_path / "tagless", folder=tmp_path)
        # The number of commits and the last of them; of the version only that it is not known.
        assert re.fullmatch(r"0\.1\.dev2\+(unknown\.)?g[0-9a-f]+(\.d\d+)?", version_in(tmp_path / "tagless"))
        copy = shutil.copytree(tagged, tmp_path / "copy", ignore=shutil.ignore_patterns(".git"))
        assert version_in(copy) == unknown
    finally:
        run(*GIT, "reset", "-q", "--hard", f"v{VERSION}", folder=tagged)
    # What a clone says that was never installed.
    assert f'__version__ = "{unknown}"' in (ROOT / "e2e_tf" / "version.py").read_text(encoding="utf-8")


def test_a_release_is_refused_whose_tag_the_changelog_or_the_citation_does_not_name(tagged):
    """The steps of the workflow that compare, as it runs them."""
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    steps = re.findall(r"- run: (.*GITHUB_REF_NAME.*)", workflow.partition("make lint")[0])
    assert len(steps) == 3

    def refused(tag: str) -> list[bool]:
        environment = {**os.environ, "GITHUB_REF_NAME": tag, "PATH": path}
        return [
            subprocess.run(["bash", "-e", "-c", step], cwd=tagged, env=environment, check=False).returncode
            != 0
            for step in steps
        ]

    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    assert refused(f"v{VERSION}") == [False, True, True]
    for name, old, new in (
        ("CHANGELOG.md", "## [Unreleased]", f"## [Unreleased]\n\n## [{VERSION}] - 2030-01-01"),
        ("CITATION.cff", r"^version: .*$", f"version: {VERSION}"),
    ):
        text = (tagged / name).read_text(encoding="utf-8")
        old = old if old.startswith("^") else re.escape(old)
        (tagged / name).write_text(re.sub(old, new, text, count=1, flags=re.MULTILINE), encoding="utf-8")
    run(*GIT, "commit", "-qam", "release", folder=tagged)
    run(*GIT, "tag", "-f", f"v{VERSION}", folder=tagged)
    assert refused(f"v{VERSION}") == [False, False, False]
    assert refused("v9.8.6") == [True, True, True]


@pytest.mark.slow
def test_a_wheel_installs_one_name_and_all_files(source, wheel):
    """Each file of the three folders is in it, data and markers of types as well."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    top = {name.partition("/")[0] for name in names}
    assert top == {"e2e_tf", f"e2e_tf-{VERSION}.dist-info"}
    wanted = {
        (Path(target) / path.relative_to(source / folder)).as_posix()
        for folder, target in (("e2e_tf", "e2e_tf"), ("tuning", "e2e_tf/tuning"), ("deploy", "e2e_tf/deploy"))
        for path in (source / folder).rglob("*")
        if path.is_file()
    }
    assert {name for name in names if name.startswith("e2e_tf/")} == wanted
    for data in (
        "e2e_tf/configs/demo.toml",
        "e2e_tf/data/samples/tau.h5",
        "e2e_tf/deploy/bundles/tau_candidates/model.onnx",
        "e2e_tf/deploy/cmssw_package/plugins/TaggerProducer.h",
        "e2e_tf/deploy/cpp/include/e2e_tf/builder.hpp",
        "e2e_tf/deploy/standin/src/driver.cc",
        "e2e_tf/deploy/standin/FWCore/Framework/interface/Event.h",
        "e2e_tf/deploy/manifest.schema.json",
        *(f"e2e_tf/{folder}py.typed" for folder in ("", "deploy/", "tuning/")),
    ):
        assert data in wanted


@pytest.mark.slow
def test_the_source_distribution_holds_every_file(source):
    """All that git knows or would add; in an unpacked distribution, which has no git, all that there is."""
    if (ROOT / ".git").exists():
        kinds = ("--cached", "--others", "--exclude-standard")
        listed = run("git", "ls-files", *kinds, folder=ROOT).splitlines()
        known = {name for name in listed if (ROOT / name).exists()}
    else:
        known = files(ROOT)
    assert known - files(source) == set()
    assert files(source) - known <= {"PKG-INFO", "setup.cfg"}
    assert source.name == f"e2e_tf-{VERSION}"


@pytest.mark.slow
def test_the_installed_packages_are_found_in_an_empty_folder(python, tmp_path):
    names = "e2e_tf.__file__, e2e_tf.deploy.__file__, e2e_tf.tuning.__file__"
    code = f"import e2e_tf.deploy, e2e_tf.tuning; print({names}, sep='\\n')"
    found = [Path(name) for name in run(python, "-c", code, folder=tmp_path).splitlines()]
    assert len(found) == 3
    for file in found:
        assert python.parents[1] in file.parents
    assert run(python.with_name("e2e-tf"), "--version", folder=tmp_path) == f"e2e-tf {VERSION}\n"


@pytest.mark.slow
def test_a_small_demo_runs_beside_files_of_the_same_names(printed):
    """Fit, evaluate, export and validate, with a deploy.py and a folder tuning/ where it runs."""
    demo, _ = printed
    assert re.fullmatch(r"\['deep_sets'\] [2-9] True", demo.splitlines()[-1])


@pytest.mark.slow
def test_the_tests_of_the_source_distribution_run_with_the_wheel(printed):
    """All are collected, those of a few modules run, one that needs a file beside the packages among them."""
    _, tests = printed
    assert " passed, " in tests
    assert "error" not in tests
