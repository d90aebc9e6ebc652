"""The class of a whole scene, from the boxes of what is in it: what a judge of scenes is trained on."""

from collections.abc import Callable, Mapping, Sequence

from training.data.annotations import LabelledBox
from training.errors import TrainingError

Boxes = Sequence[LabelledBox]


def _people(boxes: Boxes) -> int:
    """Heads, helmets or not, or bodies, whichever are more: far away a head has no box, close by a body has none."""
    heads = sum(box.label in {"helmet", "head"} for box in boxes)
    return max(heads, sum(box.label == "person" for box in boxes))


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
"""What the names of a recipe's `data.classes` say of a scene; "a+b" says both."""


def scene_class(boxes: Boxes, classes: Sequence[str]) -> int:
    """The number of the first class whose meaning fits.

    Args:
        boxes: labelled "helmet", "head" or "person".
        classes: names out of `MEANINGS`, joined by "+" or not, that leave no scene out; or a single name, whatever it
            is, of all scenes.

    Raises:
        TrainingError: a class without a meaning, or none that fits.
    """
    if len(classes) == 1:
        return 0
    for number, label in enumerate(classes):
        if all(_meaning(part)(boxes) for part in label.split("+")):
            return number
    raise TrainingError(f"data.classes: none of {', '.join(classes)} is a scene with {_people(boxes)} people")


def _meaning(name: str) -> Callable[[Boxes], bool]:
    if name not in MEANINGS:
        raise TrainingError(f"data.classes: '{name}' says nothing of a scene; there are {', '.join(MEANINGS)}")
    return MEANINGS[name]
