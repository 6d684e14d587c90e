"""What an ONNX file says of its inputs and outputs, read in a moment: weights are passed over.

A model is a protobuf message. To read all of one takes a second and the package onnx; a spec must
be read at once. Field numbers are those of onnx.proto; a test compares them with the package's.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

VARINT, BYTES = 0, 2
FIXED = {1: 8, 5: 4}
GRAPH = 7
INITIALIZER, INPUT, OUTPUT = 5, 11, 12
TENSOR_NAME, EXTERNAL_DATA = 8, 13
LONGEST_NAME = 1 << 16
DEEPEST = 100
"""How deep messages may lie in each other; protobuf's own limit."""

# Where tensors can be: field numbers of each message, and the message that lies there.
INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 11: "attribute"},
    "training": {1: "graph", 2: "graph"},
    "tensor": {},
}


class Damaged(Exception):
    """These bytes are no ONNX model."""


class Value(NamedTuple):
    """An input or an output. A side that the model leaves open is None, and so is a shape."""

    name: str
    type: int
    shape: tuple[int | None, ...] | None


class Header(NamedTuple):
    """What has to be fed, and what can be had."""

    inputs: list[Value]
    outputs: list[Value]


class Field(NamedTuple):
    """One field of a message: a number's value, or where in the file its bytes are."""

    number: int
    value: int
    start: int
    end: int


def read(file: BinaryIO) -> Header:
    """Inputs (without those that are weights) and outputs; Damaged when that can't be read."""
    found: dict[int, list[Field]] = {INITIALIZER: [], INPUT: [], OUTPUT: []}
    for graph in _fields(file, _all(file), GRAPH):
        for field in _fields(file, graph):
            if field.number in found:
                found[field.number].append(field)
    inputs = [_value(file, field) for field in found[INPUT]]
    outputs = [_value(file, field) for field in found[OUTPUT]]
    if len(inputs) > 1:  # older models list their weights as inputs, too
        weights = {_text(file, tensor, TENSOR_NAME) for tensor in found[INITIALIZER]}
        inputs = [value for value in inputs if value.name not in weights]
    if not outputs:
        raise Damaged
    return Header(inputs, outputs)


def names_other_files(file: BinaryIO) -> bool:
    """Whether any tensor, wherever it is in the model, says that its numbers are elsewhere."""
    waiting = [("model", _all(file), 0)]
    while waiting:
        message, whole, depth = waiting.pop()
        if depth > DEEPEST:
            raise Damaged
        for field in _fields(file, whole):
            if message == "tensor" and field.number == EXTERNAL_DATA:
                return True
            if field.number in INSIDE[message]:
                waiting.append((INSIDE[message][field.number], field, depth + 1))
    return False


def _all(file: BinaryIO) -> Field:
    return Field(0, 0, 0, file.seek(0, 2))


def _fields(file: BinaryIO, message: Field, only: int | None = None) -> Iterator[Field]:
    at = message.start
    while at < message.end:
        file.seek(at)
        key = _varint(file)
        number, kind = key >> 3, key & 7
        if kind not in (VARINT, BYTES, *FIXED):
            raise Damaged
        value = FIXED.get(kind) or _varint(file)
        start = file.tell()
        at = start if kind == VARINT else start + value
        if at > message.end:
            raise Damaged
        if only in (None, number):
            yield Field(number, value, start, at)


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise Damaged


def _text(file: BinaryIO, message: Field, number: int) -> str:
    text = b""
    for field in _fields(file, message, number):
        if field.end - field.start > LONGEST_NAME:
            raise Damaged
        file.seek(field.start)
        text = file.read(field.end - field.start)
    return text.decode(errors="replace")


def _value(file: BinaryIO, message: Field) -> Value:
    kind, shape = 0, None
    for type_ in _fields(file, message, 2):
        for tensor in _fields(file, type_, 1):
            for field in _fields(file, tensor):
                if field.number == 1:
                    kind = field.value
                elif field.number == 2:
                    shape = tuple(_side(file, side) for side in _fields(file, field, 1))
    return Value(_text(file, message, 1), kind, shape)


def _side(file: BinaryIO, message: Field) -> int | None:
    sides = [field.value for field in _fields(file, message, 1)]
    return sides[-1] if sides and 0 < sides[-1] < 1 << 31 else None
