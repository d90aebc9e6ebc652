"""Fields of nested tables by their dotted names, and what a person is told about a wrong one."""

import tomllib
from typing import Any

from pydantic import ValidationError

from training.errors import TrainingError


def replace_field(table: dict[str, Any], field: str, value: Any) -> None:
    """Set a field of nested tables by its dotted name.

    Raises:
        TrainingError: a part of the name is that of a value.
    """
    *path, last = field.split(".")
    for step in path:
        inner = table.setdefault(step, {})
        if not isinstance(inner, dict):
            raise TrainingError(f"'{field}' names no field of a recipe: '{step}' is a value")
        table = inner
    table[last] = value


def field_value(text: str) -> Any:
    """A text as TOML reads a value, else the text that it is."""
    try:
        return tomllib.loads(f"value = {text}")["value"] if "\n" not in text else text
    except tomllib.TOMLDecodeError:
        return text


def first_complaint(error: ValidationError) -> str:
    """The first fault, in one line that names the field and the value."""
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"there is no field '{field}'"
    if first["type"] == "missing":
        return f"the field '{field}' is missing"
    return f"{field} = {first['input']!r}: {first['msg']}"
