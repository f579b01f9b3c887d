"""The part of CMSSW's configuration language that a package uses: typed parameters, and clones that keep types.

It stands in for ``FWCore.ParameterSet.Config`` where there is no CMSSW; the names are CMSSW's.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "EDFilter",
    "EDProducer",
    "EndPath",
    "FileInPath",
    "InputTag",
    "OutputModule",
    "PSet",
    "Parameter",
    "Path",
    "Process",
    "Service",
    "Source",
    "VInputTag",
    "VPSet",
    "double",
    "string",
    "uint32",
    "untracked",
    "vdouble",
    "vstring",
]


class Parameter:
    """A value with a type.

    Args:
        value: of the parameter.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def words(self) -> list[str]:
        """What the driver of the stand-ins reads.

        Returns:
            Words without spaces.
        """
        return [str(self.value) or '""']


class InputTag(Parameter):
    """The label of a product."""


class FileInPath(Parameter):
    """A file that is looked for in the search path."""


class string(Parameter):
    """A text."""


class uint32(Parameter):
    """A number without sign."""


class double(Parameter):
    """A number in double precision."""

    def words(self) -> list[str]:
        """As :meth:`Parameter.words`.

        Returns:
            One word, in full precision.
        """
        return [repr(float(self.value))]


class vdouble(Parameter):
    """Several numbers in double precision.

    Args:
        values: the numbers.
    """

    def __init__(self, *values: float) -> None:
        super().__init__(values)

    def words(self) -> list[str]:
        """As :meth:`Parameter.words`.

        Returns:
            How many, and each in full precision.
        """
        return [str(len(self.value)), *(repr(float(value)) for value in self.value)]


class vstring(Parameter):
    """Several texts.

    Args:
        values: the texts.
    """

    def __init__(self, *values: str) -> None:
        super().__init__(values)

    def words(self) -> list[str]:
        """As :meth:`Parameter.words`.

        Returns:
            How many, and each.
        """
        return [str(len(self.value)), *(value or '""' for value in self.value)]


class VInputTag(vstring):
    """Several labels.

    Args:
        values: the labels.
    """

    def __init__(self, *values: str | InputTag) -> None:
        super().__init__(*(v.value if isinstance(v, InputTag) else v for v in values))


class PSet:
    """Parameters by name.

    Args:
        parameters: each with a type.

    Raises:
        TypeError: one has none.
    """

    def __init__(self, **parameters: Any) -> None:
        for name, value in parameters.items():
            if not isinstance(value, Parameter):
                raise TypeError(f"the parameter {name} has no type")
        self.parameters = parameters

    def words(self) -> list[str]:
        """As :meth:`Parameter.words`.

        Returns:
            How many, and of each type, name and value.
        """
        out = [str(len(self.parameters))]
        for name, value in self.parameters.items():
            out += [type(value).__name__, name, *value.words()]
        return out


class VPSet(Parameter):
    """Several sets of parameters.

    Args:
        sets: the sets.
    """

    def __init__(self, *sets: PSet) -> None:
        super().__init__(sets)

    def words(self) -> list[str]:
        """As :meth:`Parameter.words`.

        Returns:
            How many, and each.
        """
        return [str(len(self.value)), *(word for entry in self.value for word in entry.words())]


class EDProducer(PSet):
    """A module.

    Args:
        plugin: its class.
        parameters: all that it has.
    """

    def __init__(self, plugin: str, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.plugin = plugin

    def clone(self, **changes: Any) -> EDProducer:
        """The same module with other values.

        Args:
            changes: new parameters, of the types of the old ones.

        Returns:
            A new module.

        Raises:
            TypeError: there is no such parameter, or it has another type.
        """
        for name, value in changes.items():
            if name not in self.parameters or type(value) is not type(self.parameters[name]):
                raise TypeError(f"{self.plugin} has no parameter {name} of this type")
        return type(self)(self.plugin, **(self.parameters | changes))


class EDFilter(EDProducer):
    """A module that decides whether an event goes on."""


class Service(EDProducer):
    """A service of the job."""


class untracked:
    """Parameters that do not count for what is produced; here they are the same."""

    int32 = uint32 = Parameter
    string = Parameter
    vstring = vstring
    PSet = PSet


class Process:
    """What a configuration loads and names: modules and services by label.

    Args:
        name: of the process.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def load(self, module: str) -> None:
        """Take over the modules and services of a file.

        Args:
            module: its name, with dots.
        """
        for label, value in vars(importlib.import_module(module)).items():
            if isinstance(value, EDProducer):
                setattr(self, label, value)

    @property
    def services(self) -> list[str]:
        """Types of the services of the job."""
        return [value.plugin for value in vars(self).values() if isinstance(value, Service)]


def Source(plugin: str, **parameters: Any) -> EDProducer:
    """Where events come from.

    Args:
        plugin: its class.
        parameters: all that it has.

    Returns:
        A module.
    """
    return EDProducer(plugin, **parameters)


OutputModule = Source


def Path(*modules: Any) -> tuple[Any, ...]:
    """Modules that run one after the other.

    Args:
        modules: the modules.

    Returns:
        The same.
    """
    return modules


EndPath = Path
