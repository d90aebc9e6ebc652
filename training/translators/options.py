"""What a recipe says of a translator, checked by name."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from training.errors import TrainingError
from training.fields import first_complaint
from training.recipe import Recipe


class Options(BaseModel):
    """A table of options: unknown ones are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


T = TypeVar("T", bound=Options)


def options_of(kind: type[T], options: Mapping[str, Any]) -> T:
    """The options of a model, from a recipe's `model.options`.

    Raises:
        TrainingError: an option that the model does not have, or a value that it does not allow.
    """
    try:
        return kind.model_validate(options)
    except ValidationError as error:
        raise TrainingError(f"model.options: {first_complaint(error)}") from None


def check_size(recipe: Recipe, multiple: int, least: int) -> None:
    """Whether a generator can halve the recipe's images and double them again.

    Raises:
        TrainingError: it cannot.
    """
    size = recipe.model.size
    if size % multiple or size < least:
        raise TrainingError(
            f"model.size = {size}: the generator of {recipe.name} takes multiples of {multiple} from {least} on"
        )
