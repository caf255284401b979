"""Writes a picture as PNG, with nothing but the standard library.

A PNG file is a signature and some chunks: length, name, content and checksum each. Three will do:
the head, all pixels in one zlib stream, and the end.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

Colour = tuple[int, int, int]


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def write_png(path: Path, lines: Sequence[Iterable[Colour]]) -> None:
    """Write lines of red, green and blue pixels, all of the same length."""
    # Each line begins with the number of its filter; 0 is none.
    pixels = [b"\0" + bytes(part for colour in line for part in colour) for line in lines]
    width = len(pixels[0]) // 3
    head = struct.pack(">IIBBBBB", width, len(pixels), 8, 2, 0, 0, 0)  # 8 bits; 2: true colour
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(b"".join(pixels), 9)), (b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks))
