"""Translates between the runtime's requests and outcomes and what travels to and from a model's process."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.runtime.backends.python.channel import NamedTensor
from services.runtime.config import ModelConfig
from services.runtime.errors import Cancelled, ImagoError, InvalidInput, ModelFailed, NotFound, Unavailable, Unsupported
from services.runtime.model import DATATYPES, InferRequest, Tensors

_ERRORS: Mapping[str, type[ImagoError]] = {
    "INVALID_ARG": InvalidInput,
    "NOT_FOUND": NotFound,
    "UNAVAILABLE": Unavailable,
    "UNSUPPORTED": Unsupported,
    "CANCELLED": Cancelled,
}
"""What a client sees of a TritonError's code; any other is the model's own failure."""

_OWN_PARAMETERS = frozenset(("timeout", "priority", "sequence_id", "sequence_start", "sequence_end"))
"""Parameters that Triton hands to a model by methods of the request, not among its `parameters()`."""

_SEQUENCE_START, _SEQUENCE_END = 1, 2


class Wire:
    """The translation for one model."""

    def __init__(self, config: ModelConfig, version: str) -> None:
        self._model = config.name
        self._version = int(version)
        self._outputs = {spec.name: spec for spec in config.outputs}

    def execute(self, batch: Sequence[InferRequest]) -> tuple[dict[str, Any], Iterator[NamedTensor]]:
        """The message that asks for a batch."""
        header = {"op": "execute", "requests": [self._describe(request) for request in batch]}
        return header, (tensor for request in batch for tensor in request.inputs.items())

    def outcome(
        self, answer: Mapping[str, Any], tensors: Iterator[NamedTensor], wanted: Sequence[str]
    ) -> Tensors | ImagoError:
        """One request's outputs, taken from `tensors`, or its error; `wanted` are those that it named, if any."""
        if "error" in answer:
            code, message = answer["error"]
            return _ERRORS.get(code, ModelFailed)(message)
        outputs = dict(next(tensors) for _ in range(answer["outputs"]))
        complaint = self._complaint(outputs, wanted)
        return ModelFailed(f"model '{self._model}' {complaint}") if complaint else outputs

    def failure(self, message: str) -> ModelFailed:
        """What `execute` raised, or did against the contract, as the client sees it: Triton's words, no traceback."""
        return ModelFailed(f"Failed to process the request(s) for model '{self._model}', message: {message}")

    def _describe(self, request: InferRequest) -> dict[str, Any]:
        parameters = request.parameters
        timeout = parameters.get("timeout", 0)
        start, end = bool(parameters.get("sequence_start")), bool(parameters.get("sequence_end"))
        return {
            "inputs": len(request.inputs),
            "request_id": request.id,
            "correlation_id": parameters.get("sequence_id", 0),
            "requested_output_names": request.outputs or list(self._outputs),
            "model_name": self._model,
            "model_version": self._version,
            "flags": start * _SEQUENCE_START | end * _SEQUENCE_END,
            "timeout": timeout if isinstance(timeout, int) else 0,
            "parameters": {key: value for key, value in parameters.items() if key not in _OWN_PARAMETERS},
        }

    def _complaint(self, outputs: Tensors, wanted: Sequence[str]) -> str:
        for name, tensor in outputs.items():
            spec = self._outputs.get(name)
            if spec is None:
                return f"returned an output '{name}' that its configuration does not have"
            if tensor.dtype != DATATYPES[spec.datatype]:
                return f"returned output '{name}' as {tensor.dtype}; its configuration says {spec.datatype}"
        for name in wanted:
            if name not in outputs:
                return f"did not return the requested output '{name}'"
        return ""
