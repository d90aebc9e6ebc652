"""Turns a model's configuration into the JSON that Triton gives to a `model.py`, and back."""

import json
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict
from tritonclient.grpc import model_config_pb2

_WIDE = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)


def to_json(message: model_config_pb2.ModelConfig) -> str:
    """The configuration with proto field names, defaults spelt out, and 64-bit integers as numbers, as in Triton."""
    fields = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return json.dumps(_with_numbers(message.DESCRIPTOR, fields))


def from_json(text: str) -> model_config_pb2.ModelConfig:
    """Raises `google.protobuf.json_format.ParseError` for what is not a ModelConfig."""
    return ParseDict(json.loads(text), model_config_pb2.ModelConfig())


def _with_numbers(descriptor: Descriptor, fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(descriptor.fields_by_name[name], value) for name, value in fields.items()}


def _value(field: FieldDescriptor, value: Any) -> Any:
    """Protobuf's JSON has 64-bit integers as text; models calculate with `dims`."""
    if isinstance(value, list):
        return [_value(field, item) for item in value]
    if field.message_type is None:
        return int(value) if field.cpp_type in _WIDE else value
    if field.message_type.GetOptions().map_entry:
        return {key: _value(field.message_type.fields_by_name["value"], item) for key, item in value.items()}
    return _with_numbers(field.message_type, value)
