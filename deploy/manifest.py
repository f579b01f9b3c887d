"""``manifest.json``: what it holds, as a pydantic model, from which ``deploy/manifest.schema.json`` is made.

The schema (JSON schema draft 2020-12) is for readers in other languages; it is written by
``python -m e2e_tf.deploy.manifest``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from e2e_tf.errors import InputError

__all__ = [
    "MANIFEST_FORMAT",
    "MANIFEST_VERSION",
    "SCHEMA_FILE",
    "Manifest",
    "check_manifest",
    "manifest_schema",
]

SCHEMA_FILE = Path(__file__).with_name("manifest.schema.json")
_MAY_BE_ABSENT: Any = None  # the default of an entry that may be left out but not be null
Names = dict[str, str]
"""Raw tensor names by name of the interface."""


class _Entry(BaseModel):
    """Types are not converted; entries that are not listed may be there."""

    model_config = ConfigDict(strict=True)


class _Closed(_Entry):
    model_config = ConfigDict(extra="forbid")


class Release(_Entry):
    """The oldest release series the files were checked for."""

    cmssw: str
    tensorflow: str
    onnxruntime: str
    certain: bool = _MAY_BE_ABSENT


class Graph(_Entry):
    """How the graph is built; null for the interface tensors."""

    nodes: Literal["hits", "candidates", "detector", "pixels"]
    edges: str
    k: int | None


class JetDefinition(_Closed):
    """How the jets that the model was trained on were made: :func:`e2e_tf.data.definition.jet_definition`."""

    candidates: Literal["cone", "constituents"] = Field(
        description="all of the event in a cone around the axis, or those that the jet was made of"
    )
    radius: float = Field(_MAY_BE_ABSENT, description="of the cone, in ΔR")
    jet_radius: float = Field(_MAY_BE_ABSENT, description="of the clustering, for the area")
    momentum: Literal["area", "stored", "tau"] = Field(
        description="lowered by rho times the area, as it is stored, or that of the tau"
    )
    rho: str = Field(
        description="candidates: the median of their pT per area; else the label of CMS's product"
    )


class Limits(_Entry):
    """What the model takes."""

    max_nodes: int | None
    repeated_edges: bool = Field(_MAY_BE_ABSENT, description="an edge that is listed twice counts twice")


class Tensor(_Entry):
    """An input or an output; a string in the shape is a free dimension."""

    name: str
    dtype: Literal["float32"]
    shape: list[int | str] = Field(min_length=1)
    keras: str = Field(
        _MAY_BE_ABSENT, description="of an input: its name in Keras, where runtimes do not take that"
    )
    below: int = Field(_MAY_BE_ABSENT, description="of an input: its values are integers from 0 to below - 1")
    columns: dict[str, int] = Field(
        _MAY_BE_ABSENT, description="of an output: what its columns are, in order, and how many of each"
    )
    meaning: dict[str, Meaning] = Field(
        _MAY_BE_ABSENT, description="of an output: what its columns mean, by their names"
    )
    tolerance: dict[str, ColumnTolerance] = Field(
        _MAY_BE_ABSENT, description="of an output: what its columns may differ by, by their names"
    )


class ColumnTolerance(_Closed):
    """What a score may differ from Keras' by: ``absolute + relative * |score of Keras|``."""

    absolute: float
    relative: float


class Meaning(_Closed):
    """What an output is."""

    kind: Literal["binary", "multiclass", "regression"]
    column: str = Field(description="of the sample, that it was trained for")
    unit: str = _MAY_BE_ABSENT
    classes: list[int] = Field(
        _MAY_BE_ABSENT, description="values of the column that the columns of the score are, in their order"
    )
    relative_to: str = Field(
        _MAY_BE_ABSENT, description="quantity of the jet that the score is multiplied by, to be in the unit"
    )


class AucCost(_Closed):
    """ROC-AUC on the run's test part."""

    jets: int
    keras: float
    this: float
    difference: float = Field(description="this minus keras")
    error: float = Field(description="bootstrap error of the difference")


class Cost(_Entry):
    """What weights of fewer bits cost, compared with the scores of model.onnx."""

    largest_difference: float
    mean_difference: float
    pairs_reordered: float = Field(description="fraction of pairs of jets whose order changes")
    auc: AucCost | None = Field(
        None, description="null where the run's sample had gone or none of its outputs is the label"
    )


class File(_Entry):
    """A form of the model in one file."""

    file: str
    inputs: Names
    outputs: Names
    cost: Cost = _MAY_BE_ABSENT
    fused: dict[str, int] = Field(
        _MAY_BE_ABSENT,
        description="operations of the runtime's own, which other readers of ONNX lack, and how many of each",
    )


class Folder(_Entry):
    """A form of the model in a folder."""

    folder: str
    tag: str
    inputs: Names
    outputs: Names


class Formats(_Closed):
    """The forms of the model that there are."""

    frozen_graph: File = _MAY_BE_ABSENT
    saved_model: Folder = _MAY_BE_ABSENT
    onnx: File = _MAY_BE_ABSENT
    onnx_float16: File = _MAY_BE_ABSENT
    onnx_int8: File = _MAY_BE_ABSENT
    onnx_one_jet: File = _MAY_BE_ABSENT
    onnx_fused: File = _MAY_BE_ABSENT
    onnx_fused_float16: File = _MAY_BE_ABSENT
    fixed: File = _MAY_BE_ABSENT


class Tested(_Closed):
    """A runtime whose scores were compared with those of Keras, and the largest difference of any score."""

    runtime: str
    jets: int
    largest_difference: float | None = Field(description="null where a score was not finite")
    tolerance: float
    required: bool = Field(description="a larger difference fails the validation")


class Provenance(_Entry):
    """Where the model comes from."""

    e2e_tf: Any
    versions: Any


class WorkingPoint(_Entry):
    """A threshold and what it keeps."""

    output: str = Field(
        _MAY_BE_ABSENT, description="whose score is cut on, as in columns; may be left out where there is one"
    )


class BinnedPoint(WorkingPoint):
    """A working point of a bin of pT, measured on its jets alone."""

    target: float = Field(description="signal efficiency that was asked for")
    threshold: float
    signal_efficiency: float
    signal_error: float = Field(description="binomial error of signal_efficiency")
    background_efficiency: float
    rejection: float = Field(description="1/background_efficiency")
    is_limit: bool = Field(description="no background passes, rejection is its lower limit at 95 %")
    low: float = Field(description="interval of 68.3 % of rejection")
    high: float | None = Field(description="null: infinite")


class PtBin(_Closed):
    """A bin of the jet's pT, with its lower edge and without its upper one."""

    low: float = Field(description="GeV")
    high: float = Field(description="GeV")
    signal: int = Field(description="jets")
    background: int = Field(description="jets")
    working_points: list[BinnedPoint] | None = Field(description="null where a class has no jets")


class Manifest(_Entry):
    """Manifest of an e2e-tf bundle; its format keeps the name that it began with."""

    format: Literal["e2e-tf hand-off"]
    format_version: Literal[1, 2] = Field(
        description="1 is of bundles whose manifest has no checksum of its own; they are exported again"
    )
    interface: Literal["edges", "padded", "tensors"]
    release: Release
    model: dict[str, Any] = _MAY_BE_ABSENT
    graph: Graph | None
    jets: JetDefinition = Field(_MAY_BE_ABSENT, description="left out where the sample does not say")
    limits: Limits
    inputs: list[Tensor] = Field(min_length=1)
    outputs: list[Tensor] = Field(min_length=1)
    formats: Formats
    working_points: list[WorkingPoint]
    binned_working_points: list[PtBin] = Field(
        _MAY_BE_ABSENT,
        description="in rising bins of the jet's pT; left out where the run was evaluated without. A jet in none of "
        "the bins passes none of them",
    )
    auc: dict[str, Any] | None = None
    tested: list[Tested]
    provenance: Provenance
    checksums: dict[str, str] = Field(
        min_length=1,
        description="SHA-256 of every file; of manifest.json that of its bytes with 64 zeros instead of its entry",
    )


(MANIFEST_FORMAT,) = get_args(Manifest.model_fields["format"].annotation)
MANIFEST_VERSION = max(get_args(Manifest.model_fields["format_version"].annotation))


class _Generator(GenerateJsonSchema):
    """Without defaults, which nobody fills in, and without a title for every entry."""

    # Overridden methods of pydantic.
    def default_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def manifest_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12).

    Returns:
        The content of ``manifest.schema.json``.
    """
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **Manifest.model_json_schema(schema_generator=_Generator),
    }


def check_manifest(document: Any, where: str = "manifest.json") -> None:
    """Check a manifest: types, required keys, allowed values.

    Args:
        document: of a JSON file.
        where: its name, for the message.

    Raises:
        InputError: naming the entry and what it must be.
    """
    try:
        Manifest.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{where}: {_sentence(error)}") from error


_KINDS = {"model_type": "an object", "dict_type": "an object", "list_type": "an array"}


def _sentence(error: ValidationError) -> str:
    """What the first entry that is wrong must be."""
    errors = error.errors()
    first = errors[0]
    place, kind = first["loc"], first["type"]
    if kind in ("missing", "extra_forbidden"):
        alike = [str(e["loc"][-1]) for e in errors if (e["loc"][:-1], e["type"]) == (place[:-1], kind)]
        what = f"lacks {', '.join(alike)}" if kind == "missing" else f"has an unknown entry {alike[0]!r}"
        return f"{_path(place[:-1])} {what}"
    if kind == "too_short":
        return f"{_path(place)} must have at least {first['ctx']['min_length']} entries, not {len(first['input'])}"
    if "shape" in place and place[-1] in ("int", "str"):  # pydantic adds the member of the union that failed
        return f"{_path(place[:-1])} must be an integer or a string, not {first['input']!r}"
    needed = _KINDS.get(kind, first["msg"].removeprefix("Input should be "))
    return f"{_path(place)} must be {needed}, not {first['input']!r}"


def _path(parts: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.lstrip(".") or "the document"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(json.dumps(manifest_schema(), indent=2) + "\n", "utf-8")
