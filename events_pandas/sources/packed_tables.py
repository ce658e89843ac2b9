"""Tables as packed bytes: one of Arrow's own streams, compressed as a whole, after eight bytes that say its length."""

from typing import Final

import pyarrow as pa

_CODEC: Final = "lz4"
_LENGTH_BYTES: Final = 8


def packed(table: pa.Table) -> bytes:
    """Pack a table."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content = sink.getvalue()
    compressed: bytes = pa.compress(content, _CODEC, asbytes=True)
    return content.size.to_bytes(_LENGTH_BYTES, "little") + compressed


def unpacked(content: bytes | pa.Buffer) -> pa.Table:
    """Read a packed table."""
    parts = memoryview(content)
    length = int.from_bytes(parts[:_LENGTH_BYTES], "little")
    # Arrow's default allocator gives the memory of each table back, and to take it again takes time.
    pool = pa.system_memory_pool()
    return pa.ipc.open_stream(pa.decompress(parts[_LENGTH_BYTES:], length, _CODEC, memory_pool=pool)).read_all()
