"""What translators are called: by where they lead from and to."""

from training.errors import TrainingError
from training.recipe import Recipe


def directions(recipe: Recipe) -> tuple[str, str]:
    """Forth and back between the two sides of a recipe's data, e.g. "aerial_to_map" and "map_to_aerial".

    Raises:
        TrainingError: the data has not two sides.
    """
    sides = recipe.data.classes
    if len(sides) != 2:
        raise TrainingError(
            f"data.classes = {list(sides)}: a translator needs the names of two sides, e.g. 'aerial' and 'map'"
        )
    first, second = sides
    return f"{first}_to_{second}", f"{second}_to_{first}"


def direction_of(recipe: Recipe, wanted: str = "") -> str:
    """The direction of a generator of its own; "": from the first side to the second.

    Raises:
        TrainingError: the data has not two sides, or the wanted direction is none of the two.
    """
    forth, back = directions(recipe)
    if wanted not in ("", forth, back):
        raise TrainingError(f"model.options.direction = '{wanted}': there are '{forth}' and '{back}'")
    return wanted or forth
