"""Walks through the parts of a protocol buffer, whatever its type."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message


def parts(message: Message) -> Iterator[Message]:
    """Yields the message and all messages inside it, at any depth."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in _each(field, value):
            if isinstance(each, Message):
                yield from parts(each)


def kind(message: Message) -> str:
    """Returns the name of its type: `NodeProto`."""
    return str(message.DESCRIPTOR.name)


def _each(field: Any, value: Any) -> Any:
    if field.message_type.GetOptions().map_entry:
        return value.values()
    return [value] if isinstance(value, Message) else value
