"""The section ``[data]`` of a configuration: which files, which jets, what they count and how they are split."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from e2e_tf.data.expressions import Expression
from e2e_tf.data.pt_bins import checked_edges

__all__ = ["OLD_NAMES", "DataConfig", "SampleConfig", "Section"]

OLD_NAMES = {"judge_pt_bins": "evaluate_pt_bins"}
"""Names of keys in configurations and runs of before, which are accepted."""


class Section(BaseModel):
    """A section of a configuration: unknown keys are refused, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def paths(value: Any) -> Any:
    """Check what names files.

    Args:
        value: what a configuration says.

    Returns:
        The text, or a tuple of texts.

    Raises:
        ValueError: it is neither a path nor a list of paths.
    """
    several = isinstance(value, list | tuple)
    if not value or not all(isinstance(one, str) and one for one in (value if several else [value])):
        raise ValueError(f"must be a path or a list of paths, not {value!r}")
    return tuple(value) if several else value


class SampleConfig(Section):
    """One of several samples, a section ``[data.samples.NAME]``.

    Attributes:
        files: as ``data.sample``.
        label: of all its jets, in place of what the reader says: 1 for signal, 0 for background, or the number of a
            class for an output with ``column = "label"``.
        cross_section: of the process [pb]; jets count cross-section x generator weight / ``sum_of_weights``.
        sum_of_weights: sum of the generator weights of all generated events. Left out, NanoAOD files say it themselves.
        factor: of the weights of its jets.
        reader: as ``data.reader``; empty takes that one.
        options: as ``data.options``; they override those.
    """

    files: str | tuple[str, ...]
    label: int | None = Field(None, ge=0, le=127)
    cross_section: float | None = Field(None, gt=0, allow_inf_nan=False)
    sum_of_weights: float | None = Field(None, gt=0, allow_inf_nan=False)
    factor: float | None = Field(None, gt=0, allow_inf_nan=False)
    reader: str = ""
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("files", mode="before")
    @classmethod
    def _paths(cls, value: Any) -> Any:
        return paths(value)

    @property
    def names(self) -> tuple[str, ...]:
        """``files`` as a list."""
        return (self.files,) if isinstance(self.files, str) else self.files

    @property
    def settings(self) -> dict[str, Any]:
        """What it says beyond files, reader and options, as :class:`e2e_tf.data.source.SourcePart` keeps it."""
        keys = ("label", "cross_section", "sum_of_weights", "factor")
        return {key: getattr(self, key) for key in keys if getattr(self, key) is not None}

    @model_validator(mode="after")
    def _has_a_cross_section(self) -> SampleConfig:
        if self.sum_of_weights is not None and self.cross_section is None:
            raise ValueError("sum_of_weights goes with a cross_section")
        return self


class DataConfig(Section):
    """What to train on.

    Attributes:
        sample: ``tau`` for the sample that ships with the package, or paths relative to the configuration, see
            :func:`e2e_tf.data.file_lists.expanded`: a file, a pattern, a folder, a text file of paths, or a list of
            these.
        samples: by name, in place of ``sample``: files with a class, a weight and options of their own.
        reader: format of the files, see :mod:`e2e_tf.data.readers`; empty recognises it from their content.
        options: more arguments of the reader, such as ``{signal = ["Tbqq"]}`` or ``{channels = ["ecal", "hcal"]}``.
        jet_pt: range of jet pT [GeV] to keep.
        split: fractions of events for training, validation and test.
        split_seed: seed of the split; None takes the run's. Runs of several seeds that are compared on the same
            jets share one.
        reweight_pt: weight the background so that its pT spectrum matches the signal's.
        pt_bins: bin edges [GeV] of the reweighting and of the plots; empty follows the jets, see
            :func:`e2e_tf.data.pt_bins.pt_edges`. Jets beyond given edges get bins of their own.
        evaluate_pt_bins: bin edges [GeV] of the numbers of ``evaluate``; empty takes those of ``pt_bins``, every
            second one if they are more than six. ``judge_pt_bins`` in configurations and runs of before.
        use_event_weights: multiply by the sample's event weights; samples with a cross-section or a factor always do.
        negative_weights: what training does with jets of negative event weight, see
            :func:`e2e_tf.data.weights.of_sign`; evaluation subtracts them.
        columns: further columns of jets, expressions by name (:mod:`e2e_tf.data.expressions`), such as
            ``{log_pt = "log(pt)"}``.
        candidate_columns: further columns of candidates; ``jet_pt`` is a quantity of their jet.
        selection: which jets are kept, such as ``pt > 20 & abs(eta) < 2.5``.
        candidate_selection: which candidates are kept.
        weight: the event weight, an expression of jets in which ``weight`` is that of the file; with it event weights
            count.
        split_column: a column of jets that is 0 for training, 1 for validation and 2 for the test, in place of
            ``split``.
        folds: with more than 0, events are shared out among so many parts of one size, in place of ``split``.
        fold: the part that is the test; the next one is the validation part, the others are trained on.
        fold_column: a column of whole numbers whose remainder by ``folds`` is the part.
        memory: ``hold`` has the graphs of a store (of ``convert``) in memory; ``stream`` reads them in pieces, in every
            epoch; ``auto`` streams stores whose graphs need more than 1 GiB. Other files are always held.
        compare: columns of jets or of their truth that hold scores of other taggers, higher for signal, by the name
            that ``evaluate`` gives them beside its own, such as ``{DeepTau = "deeptau_vs_jet"}``.
    """

    sample: str | tuple[str, ...] = "tau"
    samples: dict[str, SampleConfig] = Field(default_factory=dict)
    reader: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    jet_pt: tuple[float, float] | None = None
    split: tuple[float, float, float] = (0.7, 0.1, 0.2)
    split_seed: int | None = Field(None, ge=0)
    reweight_pt: bool = True
    pt_bins: tuple[float, ...] = ()
    evaluate_pt_bins: tuple[float, ...] = ()
    use_event_weights: bool = False
    negative_weights: Literal["keep", "absolute", "refuse"] = "keep"
    columns: dict[str, str] = Field(default_factory=dict)
    candidate_columns: dict[str, str] = Field(default_factory=dict)
    selection: str = ""
    candidate_selection: str = ""
    weight: str = ""
    split_column: str = ""
    folds: int = Field(0, ge=0)
    fold: int = Field(0, ge=0)
    fold_column: str = ""
    memory: Literal["auto", "hold", "stream"] = "auto"
    compare: dict[str, str] = Field(default_factory=dict)

    @field_validator("sample", mode="before")
    @classmethod
    def _paths(cls, value: Any) -> Any:
        return paths(value)

    @field_validator("pt_bins", "evaluate_pt_bins")
    @classmethod
    def _edges(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if values:
            checked_edges(values)
        return values

    @field_validator("columns", "candidate_columns")
    @classmethod
    def _named_expressions(cls, values: dict[str, str]) -> dict[str, str]:
        for name, text in values.items():
            if not name.isidentifier():
                raise ValueError(f"columns must have names of letters, digits and _, not {name!r}")
            Expression.parse(text, name)
        return values

    @field_validator("selection", "candidate_selection", "weight")
    @classmethod
    def _expression(cls, text: str) -> str:
        if text:
            Expression.parse(text, "the expression")
        return text

    @model_validator(mode="after")
    def _one_split(self) -> DataConfig:
        if self.folds in (1, 2):
            raise ValueError(
                f"folds must be 0, or 3 and more: one is the test, one the validation; not {self.folds}"
            )
        if self.folds and self.fold >= self.folds:
            raise ValueError(f"fold must be below folds ({self.folds}), not {self.fold}")
        if self.folds and self.split_column:
            raise ValueError("split_column and folds are two ways to share out the jets; give one of them")
        if self.fold_column and not self.folds:
            raise ValueError("fold_column needs folds, the number of parts")
        return self

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        for old, name in OLD_NAMES.items():
            if isinstance(values, dict) and old in values:
                if name in values:
                    raise ValueError(f"{old} is the old name of {name}; give one of them")
                values = {name if key == old else key: value for key, value in values.items()}
        return values

    @model_validator(mode="after")
    def _one_of_both(self) -> DataConfig:
        if self.samples and self.sample not in ("tau", ("tau",)):
            raise ValueError("sample and [data.samples] are two ways to name the files; give one of them")
        for name in self.samples:
            if not name.isidentifier():
                raise ValueError(f"samples must have names of letters, digits and _, not {name!r}")
        with_one = [name for name, one in self.samples.items() if one.cross_section is not None]
        bare = [n for n, one in self.samples.items() if one.cross_section is None and one.factor is None]
        if with_one and bare:
            raise ValueError(
                f"samples.{with_one[0]} has a cross_section; samples.{bare[0]} needs one too, or a factor, on "
                "the same scale"
            )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """``sample`` as a list."""
        return (self.sample,) if isinstance(self.sample, str) else self.sample

    @property
    def title(self) -> str:
        """What to call the sample in a sentence."""
        if self.samples:
            return ", ".join(self.samples)
        return self.sample if isinstance(self.sample, str) else ", ".join(self.sample)

    @property
    def weighted(self) -> bool:
        """Whether event weights count."""
        return bool(self.use_event_weights or self.weight) or any(
            one.cross_section is not None or one.factor is not None for one in self.samples.values()
        )
