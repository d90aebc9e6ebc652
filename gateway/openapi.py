"""The OpenAPI 3.1 document of the REST door, made from the same descriptors as its routes and from their comments."""

from typing import Any

from gateway.comments import comments
from gateway.methods import Method, all_methods, image_fields, service_names
from gateway.problems import MEDIA_TYPE
from gateway.rest import EVENTS
from gateway.rest_request import JSON, MULTIPART, NDJSON, REQUEST_PART, accepted_types
from gateway.schemas import Schema, Schemas

_ABOUT = """Every RPC of every service, one path each.

Bodies are protobuf JSON: names in lowerCamelCase, bytes as base64, 64-bit integers as strings, enums by name. A \
request may leave out fields that have their default value; an answer holds them.

An image can also be sent as a file: `multipart/form-data` with a file part named after the image's field, and all \
other fields as JSON in a part `request`.

Streams are one JSON document a line (NDJSON), or server-sent events for a caller who accepts `text/event-stream`. A \
failure after the first message is the last line, `{"error": problem}`, or an event `error`.

The header `Grpc-Timeout` (`5S`, `500m`) sets the deadline. `Authorization`, `X-Request-Id`, `Traceparent`, \
`Tracestate`, `Baggage` and `Grpc-Metadata-*` reach the service as metadata."""

_PROBLEM: Schema = {
    "type": "object",
    "description": "What went wrong (RFC 9457). HTTP's status follows from `code`; 429 comes with Retry-After, and 503 "
    "where repeating may help.",
    "required": ["title", "status", "detail", "code"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer", "description": "HTTP's number."},
        "detail": {"type": "string", "description": "The service's own sentence."},
        "code": {"type": "string", "description": 'gRPC\'s code, e.g. "INVALID_ARGUMENT".'},
        "violations": {
            "type": "array",
            "description": "The fields to correct.",
            "items": {
                "type": "object",
                "required": ["field", "description"],
                "properties": {"field": {"type": "string"}, "description": {"type": "string"}},
            },
        },
    },
}
_TIMEOUT = {
    "name": "Grpc-Timeout",
    "in": "header",
    "description": "Deadline: up to 8 digits and a unit of H, M, S, m, u or n, e.g. 5S or 500m.",
    "schema": {"type": "string", "pattern": "^[0-9]{1,8}[HMSmun]$"},
}


def openapi() -> dict[str, Any]:
    """The whole document."""
    schemas = Schemas()
    paths = {method.rest_path: {"post": _operation(method, schemas)} for method in all_methods()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Imago", "version": "v1", "description": _ABOUT},
        "tags": [
            {"name": service, "description": comments().get(name, "")} for service, name in service_names().items()
        ],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.by_name.items())) | {"Problem": _PROBLEM},
            "parameters": {"Timeout": _TIMEOUT},
            "responses": {
                "Problem": {
                    "description": "A failure.",
                    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
            },
        },
    }


def _operation(method: Method, schemas: Schemas) -> dict[str, Any]:
    about = comments().get(f"{method.service_name}.{method.name}", "")
    return {
        "operationId": f"{method.service}_{method.name[0].lower()}{method.name[1:]}",
        "tags": [method.service],
        "summary": method.name,
        "description": about,
        "parameters": [{"$ref": "#/components/parameters/Timeout"}],
        "requestBody": {"required": True, "content": _request_content(method, schemas)},
        "responses": {
            "200": {"description": _about_answer(method), "content": _response_content(method, schemas)},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }


def _request_content(method: Method, schemas: Schemas) -> dict[str, Any]:
    request = schemas.reference(method.request.DESCRIPTOR)
    content: dict[str, Any] = {}
    for media_type in accepted_types(method):
        content[media_type] = _multipart(method, request) if media_type == MULTIPART else {"schema": request}
    return content


def _multipart(method: Method, request: Schema) -> dict[str, Any]:
    files: Schema = {}
    for name, path in image_fields(method.request.DESCRIPTOR).items():
        about = comments().get(path[-1].full_name, "")
        files[name] = {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": f"A JPEG, PNG or WebP file. {about}".strip(),
        }
    return {
        "schema": {"type": "object", "properties": {**files, REQUEST_PART: request}},
        "encoding": {REQUEST_PART: {"contentType": JSON}},
    }


def _response_content(method: Method, schemas: Schemas) -> dict[str, Any]:
    response = {"schema": schemas.reference(method.response.DESCRIPTOR)}
    return {NDJSON: response, EVENTS: response} if method.streaming else {JSON: response}


def _about_answer(method: Method) -> str:
    return "One message for each line or event." if method.streaming else "The answer."
