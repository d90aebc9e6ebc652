"""Reads one short string out of a serialised protobuf message without parsing it, and ignores everything else.

The gateway routes by the `model` of a request that may carry 20 MiB of image: parsing would copy the image, whereas
skipping a field costs the same whatever its length.
"""

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5


def read_string(message: bytes, path: tuple[int, ...]) -> str:
    """The string under the field numbers of `path`, the last of them winning as in protobuf.

    Empty where the field is absent and where the bytes are no protobuf message: the service that receives them says so.
    """
    view = memoryview(message)
    try:
        for number in path:
            view = _last_field(view, number)
        return str(view, "utf-8")
    except (IndexError, UnicodeDecodeError):
        return ""


def _last_field(view: memoryview, number: int) -> memoryview:
    """The content of the last length-delimited field `number`; empty when there is none. IndexError when cut short."""
    found = view[:0]
    position = 0
    while position < len(view):
        tag, position = _varint(view, position)
        wire_type = tag & 7
        if wire_type == _LENGTH_DELIMITED:
            length, position = _varint(view, position)
            if position + length > len(view):
                raise IndexError
            if tag >> 3 == number:
                found = view[position : position + length]
            position += length
        elif wire_type == _VARINT:
            _, position = _varint(view, position)
        elif wire_type in {_FIXED64, _FIXED32}:
            position += 8 if wire_type == _FIXED64 else 4
        else:
            raise IndexError
    return found


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    """The number that starts at `position`, and the position behind it. IndexError when it is cut short or too long."""
    value = 0
    for shift in range(0, 70, 7):
        byte = view[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise IndexError
