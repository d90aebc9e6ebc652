"""JSON Schemas of the contracts' messages, as protobuf JSON writes them: lowerCamelCase, bytes as base64, 64-bit
integers as strings, enums by name.
"""

from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gateway.comments import comments

Schema = dict[str, Any]

_UINT32_MAX = 2**32 - 1
_INT32_MAX = 2**31 - 1
_SCALARS: dict[int, Schema] = {
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_INT32: {
        "type": "integer",
        "format": "int32",
        "minimum": -_INT32_MAX - 1,
        "maximum": _INT32_MAX,
    },
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": _UINT32_MAX},
    FieldDescriptor.TYPE_INT64: {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"},
    FieldDescriptor.TYPE_UINT64: {"type": "string", "format": "uint64", "pattern": "^[0-9]+$"},
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
}


class Schemas:
    """Collects the schema of every message that is asked for, and of those inside it."""

    def __init__(self) -> None:
        self.by_name: dict[str, Schema] = {}

    def reference(self, message: Any) -> Schema:
        """A `$ref` to the schema of a message's Descriptor."""
        if message.full_name in _WELL_KNOWN:
            return _WELL_KNOWN[message.full_name]
        if message.name not in self.by_name:
            self.by_name[message.name] = {}  # taken before its fields are read: a message may hold itself
            self.by_name[message.name] = self._message(message)
        return {"$ref": f"#/components/schemas/{message.name}"}

    def _message(self, message: Descriptor) -> Schema:
        schema: Schema = {"type": "object", "additionalProperties": False}
        if message.full_name in comments():
            schema["description"] = comments()[message.full_name]
        if message.fields:
            schema["properties"] = {field.json_name: self._field(field) for field in message.fields}
        return schema

    def _field(self, field: FieldDescriptor) -> Schema:
        schema = self._value(field)
        if field.is_repeated:
            schema = {"type": "array", "items": schema}
        description = _description(field)
        return {**schema, "description": description} if description else schema

    def _value(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None:
            return self.reference(field.message_type)
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        return _SCALARS[field.type]

    def _enum(self, enum: EnumDescriptor) -> Schema:
        if enum.name not in self.by_name:
            names = [value.name for value in enum.values]
            told = {name: comments().get(f"{enum.full_name}.{name}", "") for name in names}
            lines = [f"{name}: {text}" for name, text in told.items() if text]
            description = "\n".join([comments().get(enum.full_name, ""), *lines]).strip()
            self.by_name[enum.name] = {"type": "string", "enum": names, "description": description}
        return {"$ref": f"#/components/schemas/{enum.name}"}


def _description(field: FieldDescriptor) -> str:
    text = comments().get(field.full_name, "")
    oneof = field.containing_oneof
    # A proto3 `optional` is a oneof of one member whose made-up name begins with an underscore.
    if oneof is not None and len(oneof.fields) > 1:
        others = ", ".join(other.json_name for other in oneof.fields if other is not field)
        text = f"{text}\nExcludes {others}.".strip()
    return text
