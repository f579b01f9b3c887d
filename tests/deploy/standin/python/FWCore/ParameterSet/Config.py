"""The part of the configuration language that a package uses: typed parameters, and clones that keep types."""

from __future__ import annotations

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
