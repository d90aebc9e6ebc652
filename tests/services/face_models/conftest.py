from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import np_to_triton_dtype

from tests.processes import ROOT, server_process

Infer = Callable[..., dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def infer() -> Iterator[Infer]:
    """Ask a real server process over the Open Inference Protocol: `infer(model, TENSOR=array, ...)` -> outputs."""
    with (
        server_process("services.runtime", f"--model-repository={ROOT / 'services' / 'face_models'}") as server,
        InferenceServerClient(server.grpc_address) as client,
    ):

        def call(model: str, **tensors: Any) -> dict[str, np.ndarray]:
            inputs = []
            for name, array in tensors.items():
                tensor = InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
                inputs.append(tensor.set_data_from_numpy(np.ascontiguousarray(array)))
            result = client.infer(model, inputs)
            return {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}

        yield call
