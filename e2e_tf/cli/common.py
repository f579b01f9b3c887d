"""The command itself and what its subcommands share: groups of the help, options, results as JSON."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from e2e_tf import __version__
from e2e_tf.errors import InputError

__all__ = [
    "DATA",
    "EXPORT",
    "START",
    "TRAIN",
    "AsJson",
    "Force",
    "ForceOwn",
    "Imports",
    "Options",
    "PlotSettings",
    "Reader",
    "Relocate",
    "Settings",
    "app",
    "moves",
    "named",
]

START, DATA, TRAIN, EXPORT = "Start here", "Data", "Train and evaluate", "Export and run elsewhere"
"""Groups of commands in the help."""

Force = Annotated[bool, typer.Option("--force", help="Replace what exists.")]
Reader = Annotated[str, typer.Option(help="Format of the file; empty recognises it.")]
Options = Annotated[
    list[str],
    typer.Option("--option", help="NAME=VALUE for the reader, may be repeated; lists with commas."),
]
Relocate = Annotated[
    list[str],
    typer.Option("--relocate", help="OLD=NEW path of a file or folder of the sample that was moved."),
]
Imports = Annotated[
    list[str],
    typer.Option(
        "--import", help="Module or Python file that registers the model's own layers; may be repeated."
    ),
]
ForceOwn = Annotated[
    bool, typer.Option("--force", help="Replace what this command has written there; all else stays.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
PlotSettings = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a key of the section plots, such as plots.status=Preliminary; may be repeated.",
    ),
]
Settings = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a key of the configuration, such as training.epochs=3; may be repeated.",
    ),
]


Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Show results and errors only, no progress.")]


class _App(typer.Typer):
    """Every subcommand has the option ``--quiet``, of which its function need not know."""

    def command(self, name: str | None = None, **options: Any) -> Any:
        register = super().command(name, **options)

        def decorate(function: Callable[..., None]) -> Callable[..., None]:
            register(_with_quiet(function))
            return function

        return decorate


def _with_quiet(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def call(*, quiet: bool, **options: Any) -> None:
        if quiet:
            from e2e_tf.terminal import console

            console().quiet = True
        function(**options)

    own = inspect.signature(function, eval_str=True)
    more = inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Quiet)
    parameters = [*own.parameters.values(), more]
    call.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def moves(items: list[str]) -> dict[str, str]:
    """Old paths to new ones, of ``--relocate``.

    Args:
        items: texts ``OLD=NEW``.

    Returns:
        New paths by old ones.

    Raises:
        InputError: a text is not like that.
    """
    found = {}
    for item in items:
        old, equals, new = item.partition("=")
        if not (old and equals and new):
            raise InputError(f"--relocate must be OLD=NEW, got {item!r}")
        found[old] = new
    return found


def named(items: list[str]) -> str | dict[str, str]:
    """Folders, each perhaps with a name before it.

    Args:
        items: texts ``FOLDER`` or ``NAME=FOLDER``; what exists as it stands is a folder, also with ``=`` in it.

    Returns:
        A single folder without a name alone, others by name, which is that of the folder where none is given.

    Raises:
        InputError: two have one name, or a text has nothing on one side of ``=``.
    """
    found: dict[str, str] = {}
    for item in items:
        name, equals, folder = item.partition("=")
        if not equals or Path(item).exists():
            name, folder = Path(item).resolve().name, item
        elif not (name and folder):
            raise InputError(f"a named folder must be NAME=FOLDER, got {item!r}")
        if name in found:
            raise InputError(
                f"{found[name]} and {folder} are both called {name}; give another name, NAME=FOLDER"
            )
        found[name] = folder
    return items[0] if items == list(found.values()) and len(items) == 1 else found


app = _App(
    name="e2e-tf",
    help="Graph networks for end-to-end particle identification at CMS: train, evaluate, export, validate.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        print(f"e2e-tf {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of the command itself."""
