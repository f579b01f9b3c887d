"""Search spaces: named parameters, each with what it may be.

A space is read from the section ``[tune.space]``, whose tables are those of the configuration::

    [tune.space.training]
    learning_rate = { low = 1e-4, high = 1e-2, log = true }
    optimizer = ["rmsprop", "adam"]
    [tune.space.model]
    cheb_order = { low = 1, high = 5 }
    channels = [[16, 32], [32, 64, 128]]

A list gives the choices, which may be lists themselves; ``low`` and ``high`` (both included) give a range, of
integers if both are integers, with an optional ``step`` or ``log``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError

__all__ = ["Parameter", "SearchSpace"]

_RANGE_KEYS = ("low", "high", "step", "log")


@dataclass(frozen=True)
class Parameter:
    """One parameter: either ``choices`` or a range.

    Attributes:
        name: ``section.key`` of the configuration.
        choices: the values to choose from; empty for a range.
        low, high: both included.
        step: between the values of a range; None for 1 (integers) or no grid.
        log: sample the logarithm evenly.
        parent: the parameter that decides whether this one counts, and the values of it for which it does.
    """

    name: str
    choices: tuple[Any, ...] = ()
    low: float | int = 0
    high: float | int = 0
    step: float | int | None = None
    log: bool = False
    parent: tuple[str, tuple[Any, ...]] | None = None

    @classmethod
    def parse(cls, name: str, given: Any) -> Parameter:
        """A parameter from what stands in the configuration.

        Args:
            name: ``section.key``.
            given: what the configuration says of it: a list of choices, or a table.

        Returns:
            The parameter.

        Raises:
            InputError: it is neither a list of choices nor a range.
        """
        if isinstance(given, Mapping):
            return cls._parse_range(name, given)
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise InputError(
                f"tune.space.{name} must be a list of choices or a range such as {{low = 1, high = 5}}, not {given!r}"
            )
        if not given:
            raise InputError(f"tune.space.{name} has no choices; give at least one")
        choices = tuple(_hashable(value) for value in given)
        if len({_label(choice) for choice in choices}) < len(choices):
            raise InputError(f"tune.space.{name} names a choice twice: {given!r}")
        return cls(name, choices=choices)

    @classmethod
    def _parse_range(cls, name: str, given: Mapping[str, Any]) -> Parameter:
        unknown = sorted(set(given) - set(_RANGE_KEYS))
        if unknown or not {"low", "high"} <= set(given):
            what = f"unknown key {unknown[0]!r}" if unknown else "no low or no high"
            raise InputError(
                f"tune.space.{name} has {what}; a range takes low, high and optionally step or log"
            )
        numbers = {key: given[key] for key in ("low", "high", "step") if given.get(key) is not None}
        for key, value in numbers.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise InputError(f"tune.space.{name}.{key} must be a finite number, not {value!r}")
        low, high, step, log = given["low"], given["high"], given.get("step"), given.get("log", False)
        if not isinstance(log, bool):
            raise InputError(f"tune.space.{name}.log must be true or false, not {log!r}")
        if not low < high:
            raise InputError(f"tune.space.{name} needs low < high, not {low!r} and {high!r}")
        if log and (low <= 0 or step is not None):
            raise InputError(f"tune.space.{name}: log needs low > 0 and no step, not {dict(given)!r}")
        if step is not None and not step > 0:
            raise InputError(f"tune.space.{name}.step must be positive, not {step!r}")
        if not all(isinstance(value, int) for value in numbers.values()):
            low, high, step = float(low), float(high), None if step is None else float(step)
        return cls(name, low=low, high=high, step=step, log=log)

    @property
    def varies(self) -> bool:
        """False if there is only one value."""
        return len(self.choices) != 1

    @property
    def is_integer(self) -> bool:
        """True for a range of integers."""
        return not self.choices and isinstance(self.low, int)

    def probes(self) -> tuple[Any, ...]:
        """Values that show whether the configuration accepts this parameter: all choices, or both ends.

        Returns:
            The values.
        """
        return self.choices or (self.low, self.high)

    def encode(self, value: Any) -> Any:
        """The value as Keras Tuner stores it: a number or a string.

        Args:
            value: one of the parameter's values.

        Returns:
            The stored value.
        """
        return _label(_hashable(value)) if self.choices and not self._plain else value

    def decode(self, stored: Any) -> Any:
        """The value that Keras Tuner's stands for.

        Args:
            stored: what :meth:`encode` gave.

        Returns:
            The parameter's value.
        """
        if self.choices:
            return next(choice for choice in self.choices if self.encode(choice) == stored)
        return int(stored) if self.is_integer else float(stored)

    def accepts(self, value: Any) -> bool:
        """True if the value is a choice or in the range.

        Args:
            value: any value.

        Returns:
            Whether it is accepted.
        """
        if self.choices:
            return _label(_hashable(value)) in {_label(choice) for choice in self.choices}
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if not self.low <= value <= self.high or (self.is_integer and not isinstance(value, int)):
            return False
        steps = (value - self.low) / (self.step or 1)
        return self.step is None or abs(steps - round(steps)) < 1e-9

    @property
    def _plain(self) -> bool:
        # Keras Tuner's choices are strings or numbers of one type.
        types = {type(choice) for choice in self.choices}
        return len(types) == 1 and types <= {str, int, float}

    def declare(self, hp: Any, default: Any = None) -> None:
        """Register the parameter with Keras Tuner; ``default`` is where a search starts, if acceptable.

        Args:
            hp: Keras Tuner's hyperparameters.
            default: the value of the first trial; None if the configuration has none.
        """
        given = self.encode(default) if default is not None and self.accepts(default) else None
        scope = (
            {} if self.parent is None else {"parent_name": self.parent[0], "parent_values": [*self.parent[1]]}
        )
        if self.choices:
            hp.Choice(
                self.name, [self.encode(c) for c in self.choices], ordered=False, default=given, **scope
            )
            return
        sampling = "log" if self.log else "linear"
        make = hp.Int if self.is_integer else hp.Float
        step = {} if self.step is None else {"step": self.step}
        make(self.name, self.low, self.high, sampling=sampling, default=given, **step, **scope)

    def to_dict(self) -> dict[str, Any]:
        """What a folder stores.

        Returns:
            ``choices``, or ``low``, ``high``, ``step`` and ``log``.
        """
        if self.choices:
            return {"choices": [list(c) if isinstance(c, tuple) else c for c in self.choices]}
        return {"low": self.low, "high": self.high, "step": self.step, "log": self.log}


class SearchSpace:
    """Parameters by name.

    Args:
        parameters: in order.

    Raises:
        InputError: there is nothing to vary, or a name comes twice.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        names = [parameter.name for parameter in parameters]
        if len(set(names)) < len(names):
            raise InputError(f"the space names a parameter twice: {', '.join(names)}")
        if not any(parameter.varies for parameter in parameters):
            raise InputError(
                "the space is empty: tune.space must have at least one parameter with more than one value"
            )
        self.parameters = {parameter.name: parameter for parameter in parameters}

    @classmethod
    def parse(cls, document: Mapping[str, Any], accepted: Mapping[str, Sequence[str]]) -> SearchSpace:
        """A space from ``[tune.space]``.

        Args:
            document: tables of parameters by section.
            accepted: the keys each section takes.

        Returns:
            The space.

        Raises:
            InputError: a section or key is unknown, a parameter cannot be read, or nothing varies.
        """
        found = []
        for section, table in document.items():
            if section not in accepted:
                raise InputError(f"unknown section 'tune.space.{section}'; accepted: {', '.join(accepted)}")
            if not isinstance(table, Mapping):
                raise InputError(f"tune.space.{section} must be a table of parameters, not {table!r}")
            for key, given in table.items():
                if key not in accepted[section]:
                    raise InputError(
                        f"unknown parameter 'tune.space.{section}.{key}'; accepted: {', '.join(accepted[section])}"
                    )
                found.append(Parameter.parse(f"{section}.{key}", given))
        return cls(found)

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters.values())

    def __contains__(self, name: object) -> bool:
        return name in self.parameters

    def declare(self, hp: Any, defaults: Mapping[str, Any] | None = None) -> None:
        """Register all parameters with Keras Tuner's ``hp``, parents first.

        Args:
            hp: Keras Tuner's hyperparameters.
            defaults: values of the first trial by name.
        """
        for parameter in sorted(self, key=lambda p: p.parent is not None):
            parameter.declare(hp, (defaults or {}).get(parameter.name))

    def values(self, hp: Any) -> dict[str, Any]:
        """The values of the active parameters of Keras Tuner's ``hp``.

        Args:
            hp: Keras Tuner's hyperparameters of a trial.

        Returns:
            Values by ``section.key``.
        """
        return {p.name: p.decode(hp.values[p.name]) for p in self if p.name in hp.values}

    def to_dict(self) -> dict[str, Any]:
        """What a folder stores, to tell spaces apart.

        Returns:
            What :meth:`Parameter.to_dict` gives, by ``section.key``.
        """
        return {parameter.name: parameter.to_dict() for parameter in self}


def _hashable(value: Any) -> Any:
    return tuple(_hashable(part) for part in value) if isinstance(value, (list, tuple)) else value


def _label(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
