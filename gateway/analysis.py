"""Asks many services about one image at once, and lets none of them hide another.

It knows which RPC answers which kind of question; what the answers mean is the caller's.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from google.protobuf.message import Message
from google.rpc import code_pb2

from gateway.failures import code_name, failure_status
from gateway.methods import Method, all_methods
from gateway.passthrough import Exchange, Proxy
from imago.v1 import detector_pb2, gateway_pb2, recognizer_pb2
from services.runtime.errors import InvalidInput

_MOST_PARTS = 32
_RESERVE_S = 0.25
_RESERVE_SHARE = 0.1
"""Of the caller's time, kept back so that a slow part does not end the rest; at most `_RESERVE_S`."""
_NOT_OFFERED = (code_pb2.UNIMPLEMENTED, code_pb2.NOT_FOUND)


@dataclass(frozen=True, slots=True)
class _Question:
    """How one kind of part is asked."""

    rpc: str
    request: Callable[[gateway_pb2.AnalyzeRequest, str], Message]
    result: str
    """The field of PartResult that holds the answer."""
    model: str = ""
    """Asked where the part names none; empty: the service chooses."""


_QUESTIONS = {
    gateway_pb2.PART_KIND_FACES: _Question(
        "detector.DetectFaces",
        lambda asked, model: detector_pb2.DetectFacesRequest(image=asked.image, model=model),
        "faces",
    ),
    gateway_pb2.PART_KIND_OBJECTS: _Question(
        "detector.Detect",
        lambda asked, model: detector_pb2.DetectRequest(image=asked.image, model=model),
        "detections",
        model="object_detector",
    ),
    gateway_pb2.PART_KIND_FACE_MASKS: _Question(
        "detector.Detect",
        lambda asked, model: detector_pb2.DetectRequest(image=asked.image, model=model),
        "detections",
    ),
    gateway_pb2.PART_KIND_IDENTITIES: _Question(
        "recognizer.Identify",
        lambda asked, model: recognizer_pb2.IdentifyRequest(image=asked.image, model=model, tenant=asked.tenant),
        "identities",
    ),
    gateway_pb2.PART_KIND_ATTRIBUTES: _Question(
        "recognizer.DescribeAttributes",
        lambda asked, model: recognizer_pb2.DescribeAttributesRequest(image=asked.image, model=model),
        "attributes",
    ),
    gateway_pb2.PART_KIND_CLASSES: _Question(
        "recognizer.Classify",
        lambda asked, model: recognizer_pb2.ClassifyRequest(image=asked.image, model=model),
        "classes",
    ),
}


class Analysis:
    """The fan-out over one image."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        methods = {f"{method.service}.{method.name}": method for method in all_methods()}
        self._methods: dict[int, Method] = {kind: methods[question.rpc] for kind, question in _QUESTIONS.items()}

    async def analyze(self, request: gateway_pb2.AnalyzeRequest, exchange: Exchange) -> gateway_pb2.AnalyzeResponse:
        """All parts at once under one deadline, each with its own status. Raises InvalidInput for the request itself.

        Where no parts are named, those that no service offers (UNIMPLEMENTED) or has a model for (NOT_FOUND) are left
        out instead of being reported.
        """
        started = perf_counter_ns()
        _check(request)
        parts = request.parts or [gateway_pb2.Part(kind=kind) for kind in _QUESTIONS]
        within = Exchange(exchange.metadata, _time_of_a_part(exchange.timeout_s))
        results = await asyncio.gather(*(self._answer(part, request, within) for part in parts))
        if not request.parts:
            results = [result for result in results if result.status.code not in _NOT_OFFERED]
        return gateway_pb2.AnalyzeResponse(parts=results, elapsed_us=(perf_counter_ns() - started) // 1000)

    async def _answer(
        self, part: gateway_pb2.Part, request: gateway_pb2.AnalyzeRequest, within: Exchange
    ) -> gateway_pb2.PartResult:
        method, question = self._methods[part.kind], _QUESTIONS[part.kind]
        result = gateway_pb2.PartResult(part=part, service=method.service)
        started = perf_counter_ns()
        try:
            answer = await self._ask(method, question, part, request, within)
            getattr(result, question.result).MergeFrom(answer)
            result.status.name = code_name(code_pb2.OK)
        except Exception as error:  # whatever fails in one part must leave the others whole
            status = failure_status(error)
            result.status.code, result.status.message = status.code, status.message
            result.status.name = code_name(status.code)
        result.elapsed_us = (perf_counter_ns() - started) // 1000
        return result

    async def _ask(
        self,
        method: Method,
        question: _Question,
        part: gateway_pb2.Part,
        request: gateway_pb2.AnalyzeRequest,
        within: Exchange,
    ) -> Any:
        serialized = question.request(request, part.model or question.model).SerializeToString()
        exchange = Exchange(within.metadata, within.timeout_s)
        return method.response.FromString(await self._proxy.unary(method, serialized, exchange))


def _check(request: gateway_pb2.AnalyzeRequest) -> None:
    if not request.HasField("image"):
        raise InvalidInput("image is missing", field="image")
    if len(request.parts) > _MOST_PARTS:
        raise InvalidInput(f"parts has {len(request.parts)} entries; at most {_MOST_PARTS} are allowed", field="parts")
    seen = set()
    for index, part in enumerate(request.parts):
        if part.kind not in _QUESTIONS:
            raise InvalidInput(f"parts[{index}].kind is {part.kind}, which names no kind", field=f"parts[{index}].kind")
        if (part.kind, part.model) in seen:
            name = gateway_pb2.PartKind.Name(part.kind)
            raise InvalidInput(f"parts[{index}] asks again for {name} of model '{part.model}'", field=f"parts[{index}]")
        seen.add((part.kind, part.model))


def _time_of_a_part(timeout_s: float | None) -> float | None:
    return None if timeout_s is None else timeout_s - min(_RESERVE_S, timeout_s * _RESERVE_SHARE)
