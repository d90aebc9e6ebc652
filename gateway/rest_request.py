"""Turns what a REST caller sent into requests of the contracts, metadata and a deadline.

It knows media types and protobuf JSON; services judge the values.
"""

import json
import re
from collections.abc import AsyncIterator

from google.protobuf import json_format
from google.protobuf.message import Message
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from gateway.methods import Method, image_fields
from gateway.passthrough import Exchange, Metadata
from gateway.problems import HttpProblem
from gateway.rest_body import Body, BodyLimits
from services.runtime.errors import InvalidInput

JSON = "application/json"
NDJSON = "application/x-ndjson"
MULTIPART = "multipart/form-data"
TIMEOUT_HEADER = "grpc-timeout"
METADATA_PREFIX = "grpc-metadata-"
REQUEST_PART = "request"

_PASSED_ON = ("authorization", "x-request-id", "traceparent", "tracestate", "baggage")
_UNIT_S = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_MOST_NESTING = 32
_MOST_PARTS = 32
_LONGEST_SENTENCE = 300


def accepted_types(method: Method) -> tuple[str, ...]:
    """The media types that a request of the method may have."""
    if method.client_streaming:
        return (NDJSON,)
    return (JSON, MULTIPART) if image_fields(method.request.DESCRIPTOR) else (JSON,)


def check_headers(method: Method, headers: Headers, limits: BodyLimits) -> None:
    """Refuses a media type nobody reads (415) and a body announced as too long (413) before it is sent."""
    accepted = accepted_types(method)
    if media_type(headers) not in accepted:
        given = headers.get("content-type")
        mistake = f"not {given}" if given else "and the content-type is not set"
        raise HttpProblem(415, f"{method.rest_path} takes {' or '.join(accepted)}, {mistake}.")
    length = headers.get("content-length", "")
    if not method.client_streaming and length.isdecimal() and int(length) > limits.max_bytes:
        raise limits.too_large()


async def read_request(method: Method, headers: Headers, body: Body) -> Message:
    """The one request of a method that takes one. Raises InvalidInput, HttpProblem, ClientGone."""
    async with body.in_time():
        if media_type(headers) == MULTIPART:
            return await _read_multipart(method, headers, body)
        return parse_json(await body.whole(), method)


async def read_requests(method: Method, body: Body) -> AsyncIterator[Message]:
    """The requests of a stream, one for each line, as they arrive. Raises InvalidInput with the line's number."""
    number = 0
    async for line in body.lines():
        number += 1
        yield parse_json(line, method, where=f"line {number}: ")


def parse_json(text: bytes, method: Method, *, where: str = "") -> Message:
    """One request from protobuf JSON. Raises InvalidInput."""
    request = method.request()
    if not text.strip():
        return request
    if not text.lstrip().startswith(b"{"):
        raise InvalidInput(f"{where}expected a JSON object with the fields of {method.request.DESCRIPTOR.name}")
    try:
        json_format.Parse(text, request, max_recursion_depth=_MOST_NESTING)
    except (json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        sentence = " ".join(str(error).split())[:_LONGEST_SENTENCE]
        field, sentence = _value_for_object(text, request) or (_field_in(sentence), sentence)
        raise InvalidInput(f"{where}{sentence}", field=field) from None
    return request


def exchange_of(headers: Headers) -> Exchange:
    """What travels beside the request: identity, tracing, `Grpc-Metadata-*`, and the time that the caller grants."""
    metadata: Metadata = tuple(
        (name.removeprefix(METADATA_PREFIX), value)
        for name, value in headers.items()
        if name in _PASSED_ON or (name.startswith(METADATA_PREFIX) and not name.endswith("-bin"))
    )
    return Exchange(metadata=metadata, timeout_s=_timeout_s(headers.get(TIMEOUT_HEADER)))


def media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read_multipart(method: Method, headers: Headers, body: Body) -> Message:
    parser = MultiPartParser(
        headers, body.bounded_chunks(), max_files=_MOST_PARTS, max_fields=1, max_part_size=body.limits.max_bytes
    )
    parser.spool_max_size = body.limits.max_bytes  # stays in memory, which is bounded: the disk may be read-only
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise InvalidInput(f"The multipart body cannot be read: {error.message}") from None
    try:
        return await _fill(method, form)
    finally:
        await form.close()


async def _fill(method: Method, form: FormData) -> Message:
    request = parse_json(await _request_part(form), method)
    fields = image_fields(method.request.DESCRIPTOR)
    for name, part in form.multi_items():
        if name == REQUEST_PART:
            continue
        if name not in fields:
            expected = ", ".join([*fields, REQUEST_PART])
            raise InvalidInput(f"part '{name}' is unknown; expected {expected} (other fields as JSON in 'request')")
        if isinstance(part, str):
            raise InvalidInput(
                f"part '{name}' is no file; send it with a filename, as in -F {name}=@photo.jpg", field=name
            )
        await _set_image(request, name, part)
    return request


async def _request_part(form: FormData) -> bytes:
    part = form.get(REQUEST_PART, "")
    return part.encode() if isinstance(part, str) else await part.read()


async def _set_image(request: Message, name: str, file: UploadFile) -> None:
    *path, last = image_fields(request.DESCRIPTOR)[name]
    holder = request
    for field in path:
        holder = getattr(holder, field.name)
    image = getattr(holder, last.name).add() if last.is_repeated else getattr(holder, last.name)
    if image.WhichOneof("source"):
        raise InvalidInput(f"{name} is given twice", field=name)
    image.encoded = await file.read()


def _value_for_object(text: bytes, request: Message) -> tuple[str, str] | None:
    """Name and sentence of the first field that must be an object and is none, e.g. an image sent as bare base64.

    Protobuf's parser takes a string for a list of field names, and complains of its first letter.
    """
    try:
        sent = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for field in request.DESCRIPTOR.fields:
        kind, value = field.message_type, sent.get(field.json_name)
        if kind and kind.file.package.startswith("imago.") and not field.is_repeated and isinstance(value, str | int):
            known = ", ".join(each.json_name for each in kind.fields)
            return field.json_name, f"{field.json_name} must be a JSON object with some of the fields {known}"
    return None


def _field_in(sentence: str) -> str:
    """The path of the field that protobuf's JSON parser complains about, e.g. "image.encoded", where it names one."""
    named = re.findall(r'Failed to parse (\w+) field|no field named "([^"]+)"', sentence)
    return ".".join(outer or unknown for outer, unknown in named)


def _timeout_s(value: str | None) -> float | None:
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,8})([HMSmun])", value)
    if not found:
        raise InvalidInput(
            f"header Grpc-Timeout is '{value}'; expected up to 8 digits and one of H, M, S, m, u, n, e.g. 5S or 500m",
            field="Grpc-Timeout",
        )
    return int(found[1]) * _UNIT_S[found[2]]
