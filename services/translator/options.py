"""Reads what requests share: every range of the contract is checked, every mistake named with its value."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf.message import Message
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from imago.v1 import translator_pb2
from services.runtime.errors import InvalidInput
from services.runtime.typed import check_range
from services.translator.networks import Translator

LEAST_SIDE, MOST_SIDE = 64, 4096
_SEED_BITS = 32
"""Of a random seed: few enough to be read out and typed in again."""

_SIZES = (
    translator_pb2.OUTPUT_SIZE_UNSPECIFIED,
    translator_pb2.OUTPUT_SIZE_ORIGINAL,
    translator_pb2.OUTPUT_SIZE_MODEL,
)


@dataclass(frozen=True, slots=True)
class Noise:
    """The numbers (count,) that a translator draws, and the seed that they come from; None where it draws none."""

    values: NDArray[np.float32]
    seed: int | None


def read_noise(request: translator_pb2.TranslateRequest, translator: Translator) -> Noise:
    """What a translator is to draw: the first normal numbers of numpy's Philox stream of the seed."""
    if not translator.noise:
        return Noise(np.zeros(0, np.float32), None)
    seed = read_seed(request)
    return Noise(Generator(Philox(key=seed)).standard_normal(translator.noise, np.float32), seed)


def read_seed(request: Any) -> int:
    """The request's `seed`, or a random one."""
    return int(request.seed) if request.HasField("seed") else secrets.randbits(_SEED_BITS)


def keeps_size(size: translator_pb2.OutputSize.ValueType) -> bool:
    """Whether an answer is to have the size of the image that was sent. Raises InvalidInput for no such size."""
    if size not in _SIZES:
        known = ", ".join(translator_pb2.OutputSize.Name(number) for number in _SIZES[1:])
        raise InvalidInput(f"size is {size}; known are {known}", field="size")
    return size != translator_pb2.OUTPUT_SIZE_MODEL


def read_longest_side(asked: int, own: int) -> int:
    """The longest side that a content is reduced to, in pixels; `own`: the model's, taken for 0."""
    if asked:
        check_range("longest_side", asked, LEAST_SIDE, MOST_SIDE)
    return asked or own


def check_budget(steps: int, budget: int, field: str) -> None:
    """Raises InvalidInput when a call asks for more steps than this server grants to one."""
    if steps > budget:
        raise InvalidInput(f"{field}: {steps} steps are asked for, and this server takes at most {budget}", field=field)


def unknown_layer(field: str, layer: str, model: str, layers: Sequence[str]) -> InvalidInput:
    """What is raised of a layer that the model lacks."""
    return InvalidInput(f"{field} is '{layer}'; model '{model}' has {', '.join(layers)}", field=field)


def check_size(response: Message, most_bytes: int) -> None:
    """Raises InvalidInput when an answer's images are more than a message may hold: gRPC would say it less clearly."""
    if (size := response.ByteSize()) > most_bytes:
        raise InvalidInput(
            f"output.format: the answer has {size / 2**20:.1f} MiB, and a message at most {most_bytes / 2**20:g}; "
            "ask for JPEG or WebP, or for a smaller image",
            field="output.format",
        )
