"""The class of a whole scene, from the boxes of what is in it: what a judge of scenes is trained on."""

from collections.abc import Callable, Mapping, Sequence

from training.data.annotations import LabelledBox
from training.errors import TrainingError

Boxes = Sequence[LabelledBox]


def _people(boxes: Boxes) -> int:
    """Each person has one head, with a helmet or without; a box "person" around the whole body is not counted again."""
    return sum(box.label in {"helmet", "head"} for box in boxes)


def _bareheaded(boxes: Boxes) -> bool:
    return any(box.label == "head" for box in boxes)


MEANINGS: Mapping[str, Callable[[Boxes], bool]] = {
    "nobody": lambda boxes: _people(boxes) == 0,
    "one_person": lambda boxes: _people(boxes) == 1,
    "up_to_one_person": lambda boxes: _people(boxes) <= 1,
    "two_people": lambda boxes: _people(boxes) == 2,
    "up_to_two_people": lambda boxes: _people(boxes) <= 2,
    "several_people": lambda boxes: _people(boxes) >= 2,
    "many_people": lambda boxes: _people(boxes) >= 3,
    "somebody_bareheaded": _bareheaded,
    "all_with_helmets": lambda boxes: not _bareheaded(boxes),
}
"""What the names of a recipe's `data.classes` say of a scene: the first that fits is its class."""


def scene_class(boxes: Boxes, classes: Sequence[str]) -> int:
    """The number of the first class whose meaning fits.

    Args:
        boxes: labelled "helmet", "head" or "person".
        classes: names out of `MEANINGS` that leave no scene out; or a single name, whatever it is, of all scenes.

    Raises:
        TrainingError: a class without a meaning, or none that fits.
    """
    if len(classes) == 1:
        return 0
    for number, label in enumerate(classes):
        if label not in MEANINGS:
            raise TrainingError(f"data.classes: '{label}' says nothing of a scene; there are {', '.join(MEANINGS)}")
        if MEANINGS[label](boxes):
            return number
    raise TrainingError(f"data.classes: none of {', '.join(classes)} is a scene with {_people(boxes)} people")
