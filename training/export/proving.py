"""Nothing is written before it is proven: how a graph gets weights in half precision, or keeps them whole."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import onnx

from training.errors import TrainingError

Proof = TypeVar("Proof")


@dataclass(frozen=True, slots=True)
class Proven(Generic[Proof]):
    """A graph, and what it was proven by. `refused`: why its weights are not stored in half precision."""

    model: onnx.ModelProto
    proof: Proof
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Exported(Generic[Proof]):
    """The model folder that was written, and what it was proven by, as in `Proven`."""

    folder: Path
    proof: Proof
    refused: str


def proven(build: Callable[[bool], onnx.ModelProto], prove: Callable[[onnx.ModelProto], Proof]) -> Proven[Proof]:
    """The graph with weights in half precision, or in float32 where the smaller ones change what comes out.

    Args:
        build: the graph; whether its weights are to be halved.
        prove: raises TrainingError where the graph does not give what the network gives.

    Raises:
        TrainingError: `prove` also refuses the graph with whole weights.
    """
    model = build(True)
    try:
        return Proven(model, prove(model))
    except TrainingError as error:
        refused = str(error)
    model = build(False)
    return Proven(model, prove(model), refused)
