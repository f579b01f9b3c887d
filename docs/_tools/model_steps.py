"""Diagrams of the models for their pages: the layers in the order that they run, with the shapes of their outputs.

python docs/_tools/model_steps.py writes model_steps.json beside this file from the models themselves, in their default
settings; `e2e_tf.models.MODELS` says for which numbers of features. Pages are made from that file without TensorFlow.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["FILE", "Step", "compressed", "described", "diagram", "inputs_table", "models_of", "steps_of"]

FILE = Path(__file__).with_name("model_steps.json")

Step = tuple[str, str]
"""Class of a layer and shape of what it gives."""

_LEFT_OUT = {"InputLayer", "Dropout", "Activation", "Reshape"}
_LONGEST = 14  # layers in a group that repeats

_INPUTS = {
    "graph": (
        ("x", "float32 (n, F)", "features of the nodes of all jets, one jet after the other"),
        ("senders, receivers", "int32 (edges,)", "rows of `x` where edges start and end"),
        ("n_node", "int32 (B,)", "nodes of each jet"),
    ),
    "image": (("image", "float32 (B, height, width, F)", "F channels"),),
    "dense": (("x", "float32 (B, F)", "the inputs of an entry"),),
}


def steps_of(model: Any) -> list[Step]:
    """Layers and shapes of a model, without those that change no shape by themselves.

    Args:
        model: a functional Keras model.

    Returns:
        In the order of the model.
    """
    found = []
    for layer in model.layers:
        name = type(layer).__name__
        if name in _LEFT_OUT:
            continue
        name = layer.name if name == "Functional" else name
        shapes = [tensor.shape for tensor in layer.output] if isinstance(layer.output, list | tuple) else []
        found.append((name, ", ".join(map(_text, shapes)) if shapes else _text(layer.output.shape)))
    return found


def _text(shape: Sequence[int | None]) -> str:
    names = ["B", *("N" for _ in shape[1:])]
    return (
        f"({', '.join(name if size is None else str(size) for name, size in zip(names, shape, strict=True))})"
    )


def compressed(steps: Sequence[Step]) -> list[tuple[int, list[Step]]]:
    """Groups of steps that repeat.

    Args:
        steps: from :func:`steps_of`.

    Returns:
        How often, and the steps; shapes that change from one time to the next stand beside each other.
    """
    groups: list[tuple[int, list[Step]]] = []
    start = 0
    names = [name for name, _ in steps]
    while start < len(steps):
        best = (1, 1)
        for length in range(1, min(_LONGEST, (len(steps) - start) // 2) + 1):
            times = 1
            while (
                names[start : start + length] == names[start + times * length : start + (times + 1) * length]
            ):
                times += 1
            if times > 1 and times * length > best[0] * best[1]:
                best = (times, length)
        times, length = best
        members = []
        for i in range(length):
            shapes = dict.fromkeys(steps[start + i + k * length][1] for k in range(times))
            members.append((names[start + i], " · ".join(shapes)))
        groups.append((times, members))
        start += times * length
    return groups


def models_of(module: str) -> dict[str, dict[str, Any]]:
    """The models that a module builds.

    Args:
        module: in ``e2e_tf.models``.

    Returns:
        What ``model_steps.json`` holds of each, by the model's name.
    """
    every = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: model for name, model in every.items() if model["module"] == module}


def diagram(name: str) -> str:
    """The diagram of a model, in HTML.

    Args:
        name: in :data:`e2e_tf.models.MODELS`.

    Returns:
        A list with the class ``steps``, without an empty line.
    """
    items = []
    for times, members in json.loads(FILE.read_text(encoding="utf-8"))[name]["groups"]:
        boxes = "".join(f"<li><b>{layer}</b> <small>{shape}</small></li>" for layer, shape in members)
        items.append(f"<li class='times'><i>{times} ×</i><ol>{boxes}</ol></li>" if times > 1 else boxes)
    return f"<ol class='steps'>{''.join(items)}</ol>"


def inputs_table(name: str) -> str:
    """Inputs and outputs of a model, as a table.

    Args:
        name: in :data:`e2e_tf.models.MODELS`.

    Returns:
        Markdown.
    """
    model = json.loads(FILE.read_text(encoding="utf-8"))[name]
    rows = [*_INPUTS[model["inputs"]], ("u", "float32 (B, G)", "quantities of a jet, where G > 0")]
    lines = ["| input | dtype and shape | |", "|---|---|---|"]
    for names, shape, text in rows:
        quoted = ", ".join(f"`{one}`" for one in names.split(", "))
        lines.append(f"| {quoted} | {shape} | {text} |")
    lines.append("| **output** `score` | float32 (B, outputs) | one for each head |")
    return "\n".join(lines)


def described() -> dict[str, Any]:
    """What ``model_steps.json`` holds, from the models.

    Returns:
        By model: ``module``, ``inputs``, ``features``, ``parameters`` and ``groups`` as :func:`compressed` gives them.
    """
    from e2e_tf.models import MODELS, build_model

    return {
        name: {
            "module": entry.build.__module__.rpartition(".")[2],
            "inputs": entry.inputs,
            "features": list(entry.example),
            "parameters": entry.parameters,
            "groups": compressed(steps_of(build_model(name, *entry.example))),
        }
        for name, entry in MODELS.items()
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(described(), indent=1) + "\n", encoding="utf-8")
