"""Reads the JSON object that a model states under an `imago.*` key: every value checked, every mistake named."""

from math import isfinite
from typing import Any

from services.runtime.config import ModelConfig, object_parameter
from services.runtime.errors import ModelFailed


class Stated:
    """The object under one key of a model's configuration.

    All methods raise ModelFailed, with model, key, name and value, for what is missing or no such value.
    """

    def __init__(self, config: ModelConfig, key: str) -> None:
        self._config = config
        self._key = key
        self._values = object_parameter(config, key)
        self._asked: set[str] = set()

    def whole(self, name: str, least: int = 1) -> int:
        """A whole number of at least `least`."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.failure(name, f"a whole number of at least {least}")
        return value

    def number(self, name: str, above: float | None = None) -> float:
        """A finite number of at least 0, or above `above`."""
        value = self.value(name)
        fits = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
        if not fits or value < 0 or (above is not None and value <= above):
            raise self.failure(name, "a number of at least 0" if above is None else f"a number above {above:g}")
        return float(value)

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self.value(name)
        if not isinstance(value, str) or not value:
            raise self.failure(name, "a text")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of at least one text, none of them empty."""
        value = self.value(name)
        if not isinstance(value, list) or not value or not all(isinstance(text, str) and text for text in value):
            raise self.failure(name, "a list of texts")
        return tuple(value)

    def has(self, name: str) -> bool:
        """Whether a value of this name may be read."""
        self._asked.add(name)
        return name in self._values

    def value(self, name: str) -> Any:
        """Whatever stands there."""
        if not self.has(name):
            raise ModelFailed(f"model '{self._config.name}': {self._key} has no '{name}'")
        return self._values[name]

    def failure(self, name: str, must: str) -> ModelFailed:
        """What is to be raised of a value that is not what it must be."""
        value = self._values.get(name)
        return ModelFailed(f"model '{self._config.name}': {self._key} has {name} {value!r}; it must be {must}")

    def refuse_others(self) -> None:
        """Call it last: a name that nobody asked for is a slip of the pen."""
        for name in sorted(self._values.keys() - self._asked):
            known = ", ".join(sorted(self._asked))
            raise ModelFailed(f"model '{self._config.name}': {self._key} has unknown '{name}'; known are {known}")
