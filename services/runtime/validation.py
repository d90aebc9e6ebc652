"""Checks a request against a model's configuration, in Triton's words, before it may wait in a queue."""

from collections.abc import Hashable

from services.runtime.config import ModelConfig, TensorSpec
from services.runtime.errors import InvalidInput
from services.runtime.model import DATATYPES, InferRequest, Tensor

_NAMES = {dtype: name for name, dtype in DATATYPES.items()}


class Signature:
    """What a model accepts."""

    def __init__(self, config: ModelConfig) -> None:
        self._name = config.name
        self._inputs = {spec.name: spec for spec in config.inputs}
        self._required = frozenset(spec.name for spec in config.inputs if not spec.optional)
        self._outputs = frozenset(spec.name for spec in config.outputs)
        self._max_batch_size = config.max_batch_size
        rest = [spec.shape[1:] if config.max_batch_size else spec.shape for spec in config.inputs]
        self._one_bucket = len(self._required) == len(self._inputs) and not any(-1 in shape for shape in rest)

    def check(self, request: InferRequest) -> tuple[int, Hashable]:
        """How many rows the request has, and the key of the requests that it may share a batch with.

        Raises:
            InvalidInput: in Triton's words, naming tensor and value.
        """
        inputs = request.inputs
        if not self._required <= inputs.keys() or not inputs.keys() <= self._inputs.keys():
            self._complain_of_names(request)
        for name, tensor in inputs.items():
            self._check_tensor(self._inputs[name], tensor)
        if not self._outputs.issuperset(request.outputs):
            unknown = next(name for name in request.outputs if name not in self._outputs)
            raise InvalidInput(f"unexpected inference output '{unknown}' for model '{self._name}'", field=unknown)
        rows = self._rows(request) if self._max_batch_size else 1
        if self._one_bucket:
            return rows, None
        return rows, tuple(sorted((name, tensor.shape[1:]) for name, tensor in inputs.items()))

    def _complain_of_names(self, request: InferRequest) -> None:
        for name in request.inputs:
            if name not in self._inputs:
                raise InvalidInput(f"unexpected inference input '{name}' for model '{self._name}'", field=name)
        missing = sorted(self._required - request.inputs.keys())
        raise InvalidInput(
            f"expected {len(self._required)} inputs but got {len(request.inputs)} inputs for model '{self._name}'. "
            f"Got input(s) {sorted(request.inputs)}, but missing required input(s) {missing}. "
            "Please provide all required input(s).",
            field=missing[0],
        )

    def _check_tensor(self, spec: TensorSpec, tensor: Tensor) -> None:
        if tensor.dtype != DATATYPES[spec.datatype]:
            raise InvalidInput(
                f"inference input '{spec.name}' data-type is '{_NAMES.get(tensor.dtype, tensor.dtype)}', "
                f"but model '{self._name}' expects '{spec.datatype}'",
                field=spec.name,
            )
        shape = tensor.shape
        if len(shape) != len(spec.shape) or any(
            wanted not in (-1, length) for wanted, length in zip(spec.shape, shape, strict=True)
        ):
            expected, got = (",".join(map(str, lengths)) for lengths in (spec.shape, shape))
            raise InvalidInput(
                f"unexpected shape for input '{spec.name}' for model '{self._name}'. "
                f"Expected [{expected}], got [{got}].",
                field=spec.name,
            )

    def _rows(self, request: InferRequest) -> int:
        tensors = iter(request.inputs.items())
        _, first = next(tensors)
        rows = len(first)
        for name, tensor in tensors:
            if len(tensor) != rows:
                raise InvalidInput(
                    f"input '{name}' batch size does not match other inputs for '{self._name}': "
                    f"{len(tensor)}, not {rows}",
                    field=name,
                )
        if not 0 < rows <= self._max_batch_size:
            raise InvalidInput(
                f"inference request batch-size must be <= {self._max_batch_size} for '{self._name}'"
                if rows
                else f"inference request batch-size must be at least 1 for '{self._name}'"
            )
        return rows
