"""Avro's binary encoding read the obvious way, straight from the specification: the oracle of what a value may be."""

import struct


class NotAvro(Exception):  # noqa: N818 - named for what the bytes are
    """The bytes are not a value of the schema; `field` is the top-level field at fault, empty for trailing bytes."""

    def __init__(self, field=""):
        super().__init__(field)
        self.field = field


def refusal(schema, body):
    """Why `body` is no record of `schema`; None if it is one."""
    try:
        read_record(schema, body)
    except NotAvro as refused:
        return refused
    return None


def read_record(schema, body):
    """The record in `body`, fields as plain Python values, all of the writer's; raises NotAvro."""
    source = Source(body)
    record = {}
    for field in schema["fields"]:
        try:
            record[field["name"]] = read(field["type"], source)
        except (NotAvro, UnicodeDecodeError) as error:
            raise NotAvro(field["name"]) from error
    if source.left:
        raise NotAvro
    return record


class Source:
    """Bytes taken from the front, never more than there are."""

    def __init__(self, body):
        self.left = body

    def take(self, size):
        if not 0 <= size <= len(self.left):
            raise NotAvro
        taken, self.left = self.left[:size], self.left[size:]
        return taken

    def number(self, bits=64):
        digits = []
        while not digits or digits[-1] >= 128:
            digits += self.take(1)
        bits_read = sum((digit & 127) << 7 * place for place, digit in enumerate(digits))
        value = bits_read // 2 if bits_read % 2 == 0 else -(bits_read + 1) // 2
        # Ten digits are the most a 64-bit number takes.
        if len(digits) > 10 or not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            raise NotAvro
        return value

    def index(self, size):
        index = self.number()
        if not 0 <= index < size:
            raise NotAvro
        return index


def read(node, source):  # noqa: C901 - one case per type of the specification
    """One value of the type `node`."""
    if isinstance(node, list):
        return read(node[source.index(len(node))], source)
    kind = node["type"] if isinstance(node, dict) else node
    match kind:
        case "null":
            return None
        case "boolean":
            return (False, True)[source.take(1)[0]] if source.left[:1] in {b"\0", b"\1"} else source.index(0)
        case "int":
            return source.number(32)
        case "long":
            return source.number()
        case "float":
            return struct.unpack("<f", source.take(4))[0]
        case "double":
            return struct.unpack("<d", source.take(8))[0]
        case "string":
            return source.take(source.number()).decode()
        case "bytes":
            return source.take(source.number())
        case "fixed":
            return source.take(node["size"])
        case "enum":
            return node["symbols"][source.index(len(node["symbols"]))]
        case "record":
            return {field["name"]: read(field["type"], source) for field in node["fields"]}
        case "array":
            return list(blocks(source, lambda: read(node["items"], source)))
        case "map":
            return dict(blocks(source, lambda: (read("string", source), read(node["values"], source))))
    raise AssertionError(node)


def blocks(source, item):
    """Items of an array or map, block after block; a negative count is followed by the block's size in bytes."""
    while count := source.number():
        if count < 0 and not 0 <= source.number() <= len(source.left):
            raise NotAvro
        if abs(count) > len(source.left):
            raise NotAvro
        for _ in range(abs(count)):
            yield item()
