"""PNG files from arrays: https://www.w3.org/TR/png-3/, without a library, as zlib does the work."""

import struct
import sys
import zlib
from typing import Any

from prevue.values import plain
from prevue_core.errors import InvalidValue, shown

COLOR_TYPES = {1: 0, 3: 2, 4: 6}  # by channels: grey, RGB, RGBA
MAX_SIDE = 4_096  # pixels: an array is looked at whole before it is too large for a record


def png_of(given: Any, array: Any) -> bytes:
    """Return a PNG file of `given`: nested lists, or what `array` (of NumPy) holds of it. Raises InvalidValue."""
    height, width, channels, pixels = _pixels_of_lists(given) if array is None else _pixels_of_array(array)
    return encode(width, height, channels, pixels)


def encode(width: int, height: int, channels: int, pixels: bytes) -> bytes:
    """Return a PNG file of rows of pixels, from above, each a byte for each channel."""
    stride = width * channels
    rows = [pixels[start : start + stride] for start in range(0, height * stride, stride)]
    # Each row as what it differs by from the one above it, which packs better than the pixels themselves.
    above = [bytes(stride), *rows[:-1]]
    filtered = b"".join(b"\2" + _difference(row, before) for row, before in zip(rows, above, strict=True))
    header = struct.pack(">IIBBBBB", width, height, 8, COLOR_TYPES[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _difference(row: bytes, above: bytes) -> bytes:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return bytes((one - other) & 0xFF for one, other in zip(row, above, strict=True))
    one, other = (numpy.frombuffer(part, numpy.uint8) for part in (row, above))
    return bytes((one - other).tobytes())  # it wraps around, as it should


def _pixels_of_array(array: Any) -> tuple[int, int, int, bytes]:
    numpy: Any = sys.modules["numpy"]
    shape = array.shape
    height, width, channels = _size(shape)
    if array.dtype.kind == "f":
        array = numpy.rint(numpy.clip(numpy.nan_to_num(array), 0.0, 1.0) * 255)
    elif array.dtype.kind == "b":
        array = array * 255
    elif array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 255:
        raise InvalidValue(f"an image of {array.dtype} {_range(array)}; use floats from 0 to 1, or 0 to 255")
    return height, width, channels, numpy.ascontiguousarray(array.astype(numpy.uint8)).tobytes()


def _range(array: Any) -> str:
    return f"has values from {array.min()} to {array.max()}" if array.dtype.kind in "iu" else "has no numbers"


def _pixels_of_lists(given: Any) -> tuple[int, int, int, bytes]:
    shape: list[int] = []
    level = given
    while isinstance(level, list | tuple) and level and len(shape) <= 3:
        shape.append(len(level))
        level = level[0]
    height, width, channels = _size(tuple(shape))
    flat = [value for row in given for pixel in row for value in (pixel if len(shape) == 3 else (pixel,))]
    if len(flat) != height * width * channels:
        raise InvalidValue("the rows of an image are not equally long; give height x width pixels")
    numbers = [plain(value) for value in flat]
    if not all(isinstance(number, int | float) for number in numbers):
        raise InvalidValue("an image has values that are no numbers; use floats from 0 to 1, or 0 to 255")
    if any(isinstance(number, float) for number in numbers):
        return height, width, channels, bytes(_byte(number) for number in numbers)
    if not 0 <= min(numbers) <= max(numbers) <= 255:
        raise InvalidValue(f"an image has values from {min(numbers)} to {max(numbers)}; use 0 to 255")
    return height, width, channels, bytes(numbers)


def _byte(number: float) -> int:
    return round(min(max(number, 0.0), 1.0) * 255) if number == number else 0  # NaN is black


def _size(shape: tuple[int, ...]) -> tuple[int, int, int]:
    channels = shape[2] if len(shape) == 3 else 1
    if len(shape) not in (2, 3) or channels not in COLOR_TYPES or not all(shape):
        raise InvalidValue(f"an image of shape {shown(shape)} is not one; use height x width, or x 1, 3 or 4 channels")
    if max(shape[:2]) > MAX_SIDE:
        raise InvalidValue(f"an image has {shape[0]} x {shape[1]} pixels; use at most {MAX_SIDE} a side: scale it down")
    return shape[0], shape[1], channels
