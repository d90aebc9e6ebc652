"""A translator's `config.pbtxt`: an image in, an image of the same size out."""

import json
from dataclasses import dataclass

import onnx
from tritonclient.grpc import model_config_pb2

from training.errors import TrainingError
from training.export.configuration import finished_text, new_config
from training.export.translators.graph import IMAGE, TRANSLATED
from training.export.translators.trained import TrainedDirection

LARGEST_BATCH = 8
LEAST_TILE = 256
"""Smaller tiles have more seams than they need, and more of each is computed twice."""

FREE_PIXELS = [-1, -1, 3]


@dataclass(frozen=True, slots=True)
class Sides:
    """Which sizes of images a translator takes, and what becomes of others.

    Attributes:
        multiple: the sides are multiples of it.
        least: the smallest side.
        tile: what is larger is cut into tiles of this side, or shrunk until its longer side is no longer.
        overlap: of neighbouring tiles, in pixels.
        large: "tile" or "shrink".
    """

    multiple: int
    least: int
    tile: int
    overlap: int
    large: str


def sides_of(trained: TrainedDirection, tile: int | None = None) -> Sides:
    """How a translator is to be served.

    Large images are cut into tiles where each part comes out by itself. A network that normalises by statistics of the
    whole image would make every tile another picture: for it they are shrunk to the size that it was trained at.

    Args:
        trained: says what its network takes.
        tile: the side that a person wants; None: the size of the training, for tiles at least `LEAST_TILE`.

    Raises:
        TrainingError: the network does not take tiles of that side.
    """
    multiple, least = trained.multiple, trained.least
    usual = max(trained.recipe.model.size, LEAST_TILE if trained.local else least)
    side = -(-usual // multiple) * multiple if tile is None else tile
    if side % multiple or side < least:
        raise TrainingError(f"--tile {side}: the network takes multiples of {multiple} from {least} on")
    overlap = min(side // 4, side - multiple)  # each tile brings at least `multiple` pixels that no other has
    return Sides(multiple, least, side, overlap, "tile" if trained.local else "shrink")


@dataclass(frozen=True, slots=True)
class TranslatorInterface:
    """What callers of a translator must know.

    Attributes:
        name: the model's, which is also its folder's.
        family: what the directions of one pair of domains share.
        direction: e.g. "aerial_to_map".
        opposite: the folder of the direction back, which may be missing.
        sides: the sizes that it takes.
        description: a sentence for people.
        precisions: "f32", "bf16": at which the graph was compared with the network.
        licence: of the weights.
    """

    name: str
    family: str
    direction: str
    opposite: str
    sides: Sides
    description: str
    precisions: tuple[str, ...]
    licence: str
    labels: tuple[str, ...] = ()

    def config_text(self, model: onnx.ModelProto) -> str:
        """The text of `config.pbtxt`."""
        pixels = model_config_pb2.DataType.TYPE_UINT8
        message = new_config(self.name)
        message.input.add(name=IMAGE, data_type=pixels, dims=FREE_PIXELS)
        message.output.add(name=TRANSLATED, data_type=pixels, dims=FREE_PIXELS)
        parameters = {
            "task": "image-translation",
            "translation": json.dumps(self._translation()),
            "description": self.description,
            "precisions": ",".join(self.precisions),
            "licence": self.licence,
        }
        tile = [self.sides.tile, self.sides.tile, 3]
        return finished_text(message, parameters, largest_batch=LARGEST_BATCH, warmed={IMAGE: tile})

    def _translation(self) -> dict[str, object]:
        """As `imago.translation` has it."""
        names = {"family": self.family, "direction": self.direction, "opposite": self.opposite}
        sides = self.sides
        return names | {
            "multiple": sides.multiple,
            "least": sides.least,
            "tile": sides.tile,
            "overlap": sides.overlap,
            "large": sides.large,
        }
