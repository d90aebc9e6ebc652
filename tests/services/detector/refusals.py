"""What a caller learns from a refusal."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

Refusal = tuple[str, str, str]
"""Code, sentence, and the field at fault, or nothing."""


def refused(call: Callable[[], object]) -> Refusal:
    """Make a call that fails."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error: Any = caught.value
    status = Status.FromString(dict(error.trailing_metadata()).get("grpc-status-details-bin", b""))
    violations = BadRequest()
    for detail in status.details:
        detail.Unpack(violations)
    return error.code().name, error.details(), violations.field_violations[0].field if status.details else ""
