"""How failures look over HTTP: RFC 9457 problem documents with gRPC's code, the wrong fields and when to come back.

It knows statuses and HTTP numbers; not requests, not services.
"""

import json
import math
from typing import Any

from google.rpc import error_details_pb2, status_pb2

from gateway.failures import BackendFailed, code_name, failure_status

MEDIA_TYPE = "application/problem+json"

# google.rpc.Code's own table; 499 is the usual number for a caller who went away.
_HTTP_STATUS = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
_CODE_OF_HTTP = {
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    413: "RESOURCE_EXHAUSTED",
    415: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
}
_RETRY_AFTER_S = 1
"""What a caller waits when the service names no time."""


class HttpProblem(Exception):
    """Something that only HTTP knows: a body too long or too slow, a media type nobody reads, a missing page."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}


class Problem:
    """One problem document. `status` is HTTP's number; `headers` travel with it."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        self.status = status
        self.headers = {"content-type": MEDIA_TYPE, "cache-control": "no-store"}
        title = code.replace("_", " ").capitalize()
        self.document: dict[str, Any] = {"title": title, "status": status, "detail": detail, "code": code}

    def body(self) -> bytes:
        return json.dumps(self.document, ensure_ascii=False).encode()


def problem_of(error: Exception) -> Problem:
    """The problem document of any failure."""
    if isinstance(error, HttpProblem):
        problem = Problem(error.status, _CODE_OF_HTTP.get(error.status, "UNKNOWN"), str(error))
        problem.headers |= error.headers
        return problem
    problem = _problem_of_status(failure_status(error))
    if isinstance(error, BackendFailed) and error.is_final:
        problem.headers.pop("retry-after", None)
    return problem


def _problem_of_status(status: status_pb2.Status) -> Problem:
    code = code_name(status.code)
    problem = Problem(_HTTP_STATUS.get(code, 500), code, status.message)
    if problem.status in {429, 503}:
        problem.headers["retry-after"] = str(_RETRY_AFTER_S)
    for detail in status.details:
        bad_request, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(bad_request):
            problem.document["violations"] = [
                {"field": each.field, "description": each.description} for each in bad_request.field_violations
            ]
        elif detail.Unpack(retry):
            seconds = retry.retry_delay.ToTimedelta().total_seconds()
            problem.headers["retry-after"] = str(max(1, math.ceil(seconds)))
    return problem
