"""Tables of the models on the terminal."""

from __future__ import annotations

import dataclasses
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models import MODELS, ModelEntry
from e2e_tf.terminal import output

__all__ = ["describe_models", "input_needs", "list_models"]

_INPUTS = {
    "graph": "x (n, F), senders, receivers (n_edges,), n_node (B,)",
    "image": "image (B, H, W, C)",
    "dense": "x (B, F)",
}
_ALSO = {
    "particle_net": 'points (n, 2) with coordinates = "points"',
    "particle_net_lite": 'points (n, 2) with coordinates = "points"',
    "particle_attention": 'p4 (n, 4) with pairs = "p4"',
    "graph_net": "features (N, F), adj_matrix (N, N) instead with padded_nodes = N",
}


def input_needs(name: str) -> str:
    """The inputs of a model in one line.

    Args:
        name: a name in :data:`e2e_tf.models.MODELS`.

    Returns:
        Names and shapes.

    Raises:
        InputError: there is no such model.
    """
    if name not in MODELS:
        raise InputError(f"model must be one of {', '.join(MODELS)}, not {name!r}")
    line = f"{_INPUTS[MODELS[name].inputs]}; u (B, G) if G > 0"
    return f"{line}; {_ALSO[name]}" if name in _ALSO else line


def list_models(name: str = "") -> None:
    """Print all models, or the settings of one with their defaults.

    Args:
        name: a name in :data:`e2e_tf.models.MODELS`; empty for all.

    Raises:
        InputError: there is no such model.
    """
    from rich.table import Table

    console = output()
    if name:
        needs, entry = input_needs(name), MODELS[name]
        console.print(f"{name}: {entry.summary}")
        console.print(f"inputs: {needs}")
        console.print(f"parameters: {_parameters(entry)}")
        for field in dataclasses.fields(entry.settings):
            console.print(f"  {field.name} = {_toml(getattr(entry.settings(), field.name))}")
        return
    table = Table(title="Models; 'e2e-tf models NAME' shows the settings", title_justify="left")
    for column in ("model", "what", "inputs", "parameters"):
        table.add_column(column, justify="right" if column == "parameters" else "left")
    for model, entry in MODELS.items():
        table.add_row(model, entry.summary, entry.inputs, _parameters(entry))
    console.print(table)


def describe_models(name: str = "") -> dict[str, Any]:
    """What :func:`list_models` prints, for JSON.

    Args:
        name: a name in :data:`e2e_tf.models.MODELS`; empty for all.

    Returns:
        By model: ``summary``, ``inputs``, ``needs`` (names and shapes), ``parameters`` with the ``features`` and
        ``globals`` that they were counted for, and ``settings`` with their defaults.

    Raises:
        InputError: there is no such model.
    """
    found = {}
    for model in [name] if name else MODELS:
        needs, entry = input_needs(model), MODELS[model]
        features, more = entry.example
        found[model] = {
            "summary": entry.summary,
            "inputs": entry.inputs,
            "needs": needs,
            "parameters": entry.parameters,
            "features": features,
            "globals": more,
            "settings": dataclasses.asdict(entry.settings()),
        }
    return found


def _parameters(entry: ModelEntry) -> str:
    features, more = entry.example
    return f"{entry.parameters:,} (F = {features}, G = {more})"


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)
