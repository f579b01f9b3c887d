"""The part of the configuration language that a package uses: typed parameters, and clones that keep types."""

from __future__ import annotations

import importlib
from typing import Any


class Parameter:
    """A value with a type; :meth:`words` is what the driver reads."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def words(self) -> list[str]:
        return [str(self.value) or '""']


class InputTag(Parameter):
    pass


class FileInPath(Parameter):
    pass


class string(Parameter):
    pass


class uint32(Parameter):
    pass


class double(Parameter):
    def words(self) -> list[str]:
        return [repr(float(self.value))]


class vstring(Parameter):
    def __init__(self, *values: str) -> None:
        super().__init__(values)

    def words(self) -> list[str]:
        return [str(len(self.value)), *self.value]


class VInputTag(vstring):
    def __init__(self, *values: str | InputTag) -> None:
        super().__init__(*(v.value if isinstance(v, InputTag) else v for v in values))


class PSet:
    def __init__(self, **parameters: Any) -> None:
        for name, value in parameters.items():
            if not isinstance(value, Parameter):
                raise TypeError(f"the parameter {name} has no type")
        self.parameters = parameters

    def words(self) -> list[str]:
        out = [str(len(self.parameters))]
        for name, value in self.parameters.items():
            out += [type(value).__name__, name, *value.words()]
        return out


class VPSet(Parameter):
    def __init__(self, *sets: PSet) -> None:
        super().__init__(sets)

    def words(self) -> list[str]:
        return [str(len(self.value)), *(word for entry in self.value for word in entry.words())]


class EDProducer(PSet):
    def __init__(self, plugin: str, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.plugin = plugin

    def clone(self, **changes: Any) -> EDProducer:
        for name, value in changes.items():
            if name not in self.parameters or type(value) is not type(self.parameters[name]):
                raise TypeError(f"{self.plugin} has no parameter {name} of this type")
        return EDProducer(self.plugin, **(self.parameters | changes))


class Service(EDProducer):
    pass


class untracked:
    """Parameters that do not count for what is produced; here they are the same."""

    int32 = uint32 = Parameter
    string = Parameter
    vstring = vstring
    PSet = PSet


class Process:
    """What a configuration loads and names: modules and services by label."""

    def __init__(self, name: str) -> None:
        self.name = name

    def load(self, module: str) -> None:
        for label, value in vars(importlib.import_module(module)).items():
            if isinstance(value, EDProducer):
                setattr(self, label, value)

    @property
    def services(self) -> list[str]:
        """Types of the services of the job."""
        return [value.plugin for value in vars(self).values() if isinstance(value, Service)]


def Source(plugin: str, **parameters: Any) -> EDProducer:
    return EDProducer(plugin, **parameters)


OutputModule = Source


def Path(*modules: Any) -> tuple[Any, ...]:
    return modules


EndPath = Path
