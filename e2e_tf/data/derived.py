"""Columns that are computed from others, cuts on jets and candidates, and weights, each an expression of columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from e2e_tf.data.expressions import Expression
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.errors import InputError

__all__ = ["computed_for_inputs", "computed_inputs", "derived", "jet_columns", "jets_that_pass", "to_score"]

_OF_JETS = ("jet_", "Jet_", "FatJet_", "Tau_", "fj_")
_OF_CANDIDATES = ("PFCands_", "PFCand_", "part_", "candidates_", "candidate_")


def jet_columns(sample: Jets | Images) -> dict[str, np.ndarray]:
    """What an expression of jets may use.

    Args:
        sample: the jets.

    Returns:
        Columns (n,) by name: those of the jets, of the truth with the prefix ``truth_`` (and without it where no other
        has the name), ``label``, ``weight``, ``event``, and ``n_candidates``.
    """
    found = {f"truth_{name}": values for name, values in sample.truth.items()}
    found |= dict(sample.truth) | {"event": sample.event, "weight": sample.weight} | dict(sample.columns)
    if sample.label is not None:
        found["label"] = sample.label
    if isinstance(sample, Jets) and sample.candidates is not None:
        found.setdefault("n_candidates", sample.candidates.counts)
    return found


def derived(
    sample: Jets | Images, columns: Mapping[str, Any], selection: str = "", weight: str = ""
) -> Jets | Images:
    """A sample with the computed columns and weights, and without the candidates that are cut.

    Args:
        sample: the jets.
        columns: ``jets`` and ``candidates``, expressions by the name of the new column, each of which may use those
            before it; ``candidate_selection``, an expression of candidates; ``optional``, see :func:`to_score`.
        selection: an expression of jets; what is computed must be finite for the jets that pass. None is left out here.
        weight: an expression of jets, in which ``weight`` (``genWeight``) is the weight of the file.

    Returns:
        The sample.

    Raises:
        InputError: an expression needs what is not there, gives a value that is not finite, or has the name of a
            column that is there.
    """
    optional = columns.get("optional", ())
    for name, text in columns.get("jets", {}).items():
        key = f"data.columns.{name}"
        if name in sample.columns:
            raise InputError(f"{key}: the jets have a column of that name; choose another one")
        known = _resolved(jet_columns(sample), _OF_JETS)
        if name in optional and any(one not in known for one in Expression.parse(text, key).names):
            continue
        values = _values(key, text, known, len(sample))
        sample = replace(sample, columns={**sample.columns, name: values})
    for name, text in columns.get("candidates", {}).items():
        key = f"data.candidate_columns.{name}"
        jets, rows = _with_candidates(sample, key)
        if name in rows.columns:
            raise InputError(f"{key}: candidates have a column of that name; choose another one")
        values = _values(key, text, _candidate_columns(jets, rows), len(rows.owner))
        sample = replace(jets, candidates=Ragged({**rows.columns, name: values}, rows.offsets))
    if text := columns.get("candidate_selection"):
        jets, rows = _with_candidates(sample, "data.candidate_selection")
        keep = _mask("data.candidate_selection", text, _candidate_columns(jets, rows), len(rows.owner))
        kept = {name: values[keep] for name, values in rows.columns.items()}
        counts = np.bincount(rows.owner[keep], minlength=len(rows))
        sample = replace(jets, candidates=Ragged.from_counts(kept, counts))
    if weight:
        known = _resolved({"genWeight": sample.weight, **jet_columns(sample)}, _OF_JETS)
        sample = replace(sample, weight=_values("data.weight", weight, known, len(sample)))
    used = jets_that_pass(sample, selection) if selection else np.ones(len(sample), bool)
    for name, text in columns.get("jets", {}).items():
        if name in optional:
            continue
        _check_finite(f"data.columns.{name}", text, sample.columns[name][used])
    for name, text in columns.get("candidates", {}).items():
        _, rows = _with_candidates(sample, "")
        _check_finite(f"data.candidate_columns.{name}", text, rows[name][used[rows.owner]])
    if weight:
        _check_finite("data.weight", weight, sample.weight[used])
    return sample


def jets_that_pass(sample: Jets | Images, text: str) -> np.ndarray:
    """Which jets a selection keeps.

    Args:
        sample: the jets.
        text: an expression of jets.

    Returns:
        bool (n,).

    Raises:
        InputError: the expression needs what is not there, or is no condition.
    """
    return _mask("data.selection", text, _resolved(jet_columns(sample), _OF_JETS), len(sample))


def computed_inputs(columns: Mapping[str, Any], inputs: Mapping[str, list[str]]) -> dict[str, Any]:
    """What of the computed columns a model's inputs depend on, for ``preprocess.json``.

    Args:
        columns: as :func:`derived` takes them.
        inputs: raw names of the inputs of ``jets`` and of ``candidates``.

    Returns:
        The same entries, without those that no input uses; empty if the reader's columns are all that is needed.
    """
    found: dict[str, Any] = {}
    for group in ("jets", "candidates"):
        used = {name: text for name, text in columns.get(group, {}).items() if name in inputs.get(group, [])}
        if used:
            found[group] = used
    if columns.get("candidate_selection"):
        found["candidate_selection"] = columns["candidate_selection"]
    return found


def to_score(columns: Mapping[str, Any], selection: str, needed: Collection[str]) -> dict[str, Any]:
    """The entries of :func:`derived` for jets that are only scored, such as collisions, which have no truth.

    Args:
        columns: as :func:`derived` takes them.
        selection: an expression of jets.
        needed: raw names of the columns of jets that the model takes, or that its outputs are relative to.

    Returns:
        The same entries, and under ``optional`` the columns of jets that neither inputs nor cuts need: they are left
        out where a file lacks what they are computed from, and may be NaN.
    """
    cuts = [selection, columns.get("candidate_selection", ""), *columns.get("candidates", {}).values()]
    wanted = set(needed).union(*(Expression.parse(text).names for text in cuts if text))

    def is_wanted(name: str) -> bool:
        return any(f"{prefix}{name}" in wanted for prefix in ("", *_OF_JETS))

    of_jets = columns.get("jets", {})
    for name in reversed(of_jets):  # each may use those before it
        if is_wanted(name):
            wanted.update(Expression.parse(of_jets[name]).names)
    return {**columns, "optional": [name for name in of_jets if not is_wanted(name)]}


def computed_for_inputs(extra: Mapping[str, Any]) -> list[str]:
    """The expressions that a model's inputs need, which only Python computes.

    Args:
        extra: of ``preprocess.json``, see :func:`computed_inputs`.

    Returns:
        ``name = 'expression'`` each; nothing where the reader's columns are all that is needed.
    """
    columns = extra.get("columns", {})
    named = [
        f"{name} = {text!r}"
        for group in ("jets", "candidates")
        for name, text in columns.get(group, {}).items()
    ]
    if columns.get("candidate_selection"):
        named.append(f"candidate_selection = {columns['candidate_selection']!r}")
    return named


class _Resolved(dict[str, np.ndarray]):
    """Columns by name, also with the prefixes that files have: ``Jet_pt`` is ``pt``."""

    prefixes: tuple[str, ...] = ()

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or self._bare(str(name)) is not None

    def __missing__(self, name: str) -> np.ndarray:
        bare = self._bare(name)
        if bare is None:
            raise KeyError(name)
        return dict.__getitem__(self, bare)

    def _bare(self, name: str) -> str | None:
        for prefix in self.prefixes:
            if name.startswith(prefix) and dict.__contains__(self, name.removeprefix(prefix)):
                return name.removeprefix(prefix)
        return None


def _resolved(columns: Mapping[str, np.ndarray], prefixes: tuple[str, ...]) -> _Resolved:
    found = _Resolved(columns)
    found.prefixes = prefixes
    return found


def _candidate_columns(jets: Jets, rows: Ragged) -> _Resolved:
    """Columns of candidates; those of their jet have the prefix ``jet_`` (or ``Jet_``, as in files)."""
    owner = rows.owner
    of_jets = {
        f"{prefix}{name}": values[owner] for name, values in jet_columns(jets).items() for prefix in _OF_JETS
    }
    return _resolved({**of_jets, **rows.columns}, _OF_CANDIDATES)


def _with_candidates(sample: Jets | Images, what: str) -> tuple[Jets, Ragged]:
    if not isinstance(sample, Jets) or sample.candidates is None:
        raise InputError(f"{what} needs jets with candidates; this sample has none")
    return sample, sample.candidates


def _values(what: str, text: str, columns: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    with np.errstate(all="ignore"):  # what is too large for float32 is found as infinite
        return np.broadcast_to(Expression.parse(text, what).evaluate(columns), count).astype(np.float32)


def _check_finite(what: str, text: str, values: np.ndarray) -> None:
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise InputError(
            f"{what} = {text!r} must be finite, {bad} of {len(values)} values are not; where(condition, a, b) or a "
            "selection can avoid it"
        )


def _mask(what: str, text: str, columns: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    values = Expression.parse(text, what).evaluate(columns)
    if values.dtype != bool and not np.isin(values, (0, 1)).all():
        raise InputError(f"{what} = {text!r} must be a condition, such as pt > 20; it gives numbers")
    return np.broadcast_to(values, count).astype(bool)
