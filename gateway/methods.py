"""The RPCs that the gateway answers, read from the contracts' descriptors: one table drives gRPC, REST and OpenAPI.

It knows names, types and field numbers; not addresses, not transports.
"""

from dataclasses import dataclass
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway.wire import read_string
from imago.v1 import detector_pb2, gateway_pb2, generator_pb2, image_pb2, recognizer_pb2, translator_pb2

GATEWAY = "gateway"
_FILES = (detector_pb2, generator_pb2, translator_pb2, recognizer_pb2, gateway_pb2)


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC of one service."""

    service: str
    """The short name, e.g. "detector"."""
    service_name: str
    """The full name, e.g. "imago.v1.DetectorService"."""
    name: str
    """e.g. "DetectFaces"."""
    request: type[Message]
    response: type[Message]
    client_streaming: bool
    server_streaming: bool
    model_path: tuple[int, ...]
    """Field numbers that lead to the model's name in the (first) request; empty where a request names none."""
    idempotency_path: tuple[int, ...]
    """The same for the idempotency key of a write; empty where every call may be repeated."""

    @property
    def path(self) -> str:
        """The method's name on the wire."""
        return f"/{self.service_name}/{self.name}"

    @property
    def key(self) -> str:
        """e.g. "detector:detectFaces", as REST paths and routes name it."""
        return f"{self.service}:{self.name[0].lower()}{self.name[1:]}"

    @property
    def rest_path(self) -> str:
        return f"/v1/{self.key}"

    @property
    def streaming(self) -> bool:
        return self.client_streaming or self.server_streaming

    def model_of(self, request: bytes) -> str:
        """The model that a serialised (first) request names; empty: the service's default."""
        return read_string(request, self.model_path) if self.model_path else ""

    def may_retry(self, request: bytes) -> bool:
        """Whether a second attempt can do no harm: it only reads, or its key lets the service know it again."""
        return not self.idempotency_path or bool(read_string(request, self.idempotency_path))


@cache
def all_methods() -> tuple[Method, ...]:
    """Every RPC of the five services, in the order of the contracts."""
    services = (service for file in _FILES for service in file.DESCRIPTOR.services_by_name.values())
    return tuple(_method(method) for service in services for method in service.methods)


@cache
def service_names() -> dict[str, str]:
    """Full names by short name, e.g. {"detector": "imago.v1.DetectorService", ...}."""
    return {method.service: method.service_name for method in all_methods()}


@cache
def image_fields(message: Descriptor) -> dict[str, tuple[FieldDescriptor, ...]]:
    """The fields of a request that hold an image, under their dotted names, e.g. "frame.image".

    Images inside repeated messages have no name of their own and are left out.
    """
    found: dict[str, tuple[FieldDescriptor, ...]] = {}
    for field in message.fields:
        inner = field.message_type
        if inner is None:
            continue
        if inner.full_name == image_pb2.Image.DESCRIPTOR.full_name:
            found[field.name] = (field,)
        elif not field.is_repeated:
            found |= {f"{field.name}.{name}": (field, *rest) for name, rest in image_fields(inner).items()}
    return found


def _method(method: MethodDescriptor) -> Method:
    service = method.containing_service
    return Method(
        service=service.name.removesuffix("Service").lower(),
        service_name=service.full_name,
        name=method.name,
        request=GetMessageClass(method.input_type),
        response=GetMessageClass(method.output_type),
        client_streaming=method.client_streaming,
        server_streaming=method.server_streaming,
        model_path=_path_to(method.input_type, "model", streaming=method.client_streaming),
        idempotency_path=_path_to(method.input_type, "idempotency_key"),
    )


def _path_to(message: Descriptor, name: str, *, streaming: bool = False) -> tuple[int, ...]:
    """Where a string field lies: in the request itself or, in a stream, in the message that opens it."""
    field = message.fields_by_name.get(name)
    if field is not None and field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
        return (field.number,)
    opening = message.fields_by_name.get("start") if streaming else None
    if opening is not None and opening.message_type is not None:
        inner = _path_to(opening.message_type, name)
        return (opening.number, *inner) if inner else ()
    return ()
