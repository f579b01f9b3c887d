"""Options of a configuration, at their defaults."""

from __future__ import annotations


class VarParsing:
    def __init__(self, kind: str) -> None:
        self.inputFiles: list[str] = []

    def parseArguments(self) -> None:
        pass
