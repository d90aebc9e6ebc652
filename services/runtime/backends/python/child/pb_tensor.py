"""Named arrays and their types, as a `model.py` sees them through `triton_python_backend_utils`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_DLPACK_CPU = 1

TRITON_STRING_TO_NUMPY: dict[str, type] = {
    "TYPE_BOOL": bool,
    "TYPE_UINT8": np.uint8,
    "TYPE_UINT16": np.uint16,
    "TYPE_UINT32": np.uint32,
    "TYPE_UINT64": np.uint64,
    "TYPE_INT8": np.int8,
    "TYPE_INT16": np.int16,
    "TYPE_INT32": np.int32,
    "TYPE_INT64": np.int64,
    "TYPE_FP16": np.float16,
    "TYPE_FP32": np.float32,
    "TYPE_FP64": np.float64,
    "TYPE_STRING": np.object_,
}

_NUMPY_TYPES: dict[int, type] = dict(enumerate([np.bool_, *list(TRITON_STRING_TO_NUMPY.values())[1:]], start=1))
_BYTES = 13
_TRITON_TYPES = {np.dtype(numpy_type): number for number, numpy_type in _NUMPY_TYPES.items()}


class TritonModelException(Exception):
    """What this module raises when a model asks for something that cannot be done; models may raise it too."""

    def message(self) -> str:
        return str(self)


def triton_string_to_numpy(triton_type_string: str) -> type:
    """The numpy type of a configuration's `data_type`, such as "TYPE_FP32"; KeyError for any other text."""
    return TRITON_STRING_TO_NUMPY[triton_type_string]


def triton_to_numpy_type(data_type: int) -> type | None:
    """The numpy type of a ModelConfig's data type number; None for a number that has none."""
    return _NUMPY_TYPES.get(data_type)


def numpy_to_triton_type(data_type: Any) -> int | None:
    """The ModelConfig's data type number of a numpy type or dtype; None for one that Triton does not know."""
    dtype = np.dtype(data_type)
    return _BYTES if dtype.kind == "S" else _TRITON_TYPES.get(dtype)


class Tensor:
    """A named array. An input's array may be written to; it stays valid for as long as it is referred to."""

    def __init__(self, name: str, numpy_array: NDArray[Any]) -> None:
        if not name:
            raise TritonModelException("Tensor name cannot be an empty string.")
        if not isinstance(numpy_array, np.ndarray):
            raise TypeError(f"Tensor '{name}' needs a numpy array, found {type(numpy_array).__name__}")
        self._dtype = numpy_to_triton_type(numpy_array.dtype)
        if self._dtype is None:
            raise TritonModelException(f"Tensor '{name}': NumPy dtype '{numpy_array.dtype}' is not supported.")
        self._name = name
        self._array = numpy_array

    def name(self) -> str:
        return self._name

    def as_numpy(self) -> NDArray[Any]:
        """The array itself, not a copy; BYTES as an object array of `bytes`."""
        return self._array

    def shape(self) -> list[int]:
        return list(self._array.shape)

    def triton_dtype(self) -> int | None:
        """The number that `TYPE_...` has in Triton's ModelConfig."""
        return self._dtype

    def is_cpu(self) -> bool:
        return True

    @staticmethod
    def from_dlpack(name: str, tensor: Any) -> "Tensor":
        """Take over a CPU tensor of any library that speaks DLPack, without a copy."""
        source = tensor if hasattr(tensor, "__dlpack__") else _Capsule(tensor)
        if source.__dlpack_device__()[0] != _DLPACK_CPU:
            raise TritonModelException(
                f"Tensor '{name}' is in GPU memory, which this runtime does not take; move it to the CPU."
            )
        return Tensor(name, np.from_dlpack(source))

    def to_dlpack(self) -> Any:
        return self.__dlpack__()

    def __dlpack__(self, stream: Any = None) -> Any:
        return self._array.__dlpack__(stream=stream)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


class _Capsule:
    """A bare DLPack capsule in the form that numpy takes; numpy checks the device."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return _DLPACK_CPU, 0
