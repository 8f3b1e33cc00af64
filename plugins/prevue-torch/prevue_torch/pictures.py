"""Images as TensorBoard's writers are given them, as arrays of height x width x channels."""

from typing import Any

import torch

IN_A_ROW = 8  # images of a grid, as in TensorBoard


def height_width_channels(image: Any, dataformats: str) -> torch.Tensor:
    """Return one image. `dataformats`: the letters H, W and C in the order of its dimensions, or HW.

    Raises ValueError where they do not fit.
    """
    tensor, letters = _read(image, dataformats, "HWC" if "C" in dataformats.upper() else "HW")
    return tensor.permute(*(letters.index(letter) for letter in ("HWC" if len(letters) == 3 else "HW")))


def grid(images: Any, dataformats: str) -> torch.Tensor:
    """Return several images as one, eight in a row; the rest of the last row is black."""
    tensor, letters = _read(images, dataformats, "NHWC")
    tensor = tensor.permute(*(letters.index(letter) for letter in "NHWC"))
    count, height, width, channels = tensor.shape
    columns = min(count, IN_A_ROW)
    rows = -(-count // columns)
    filled = torch.zeros((rows * columns, height, width, channels), dtype=tensor.dtype)
    filled[:count] = tensor
    return (
        filled.reshape(rows, columns, height, width, channels)
        .permute(0, 2, 1, 3, 4)
        .reshape(rows * height, columns * width, channels)
    )


def picture_of(figure: Any) -> Any:
    """Return what a Matplotlib figure looks like, as bytes of RGBA."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # who has a figure has Matplotlib

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return torch.frombuffer(bytearray(canvas.buffer_rgba()), dtype=torch.uint8).reshape(
        *canvas.get_width_height()[::-1], 4
    )


def _read(given: Any, dataformats: str, expected: str) -> tuple[torch.Tensor, str]:
    tensor, letters = torch.as_tensor(given).detach().cpu(), dataformats.upper()
    if sorted(letters) != sorted(expected) or tensor.ndim != len(letters):
        shape = list(tensor.shape)
        raise ValueError(
            f"dataformats {dataformats!r} does not fit images of shape {shape}; use the letters {expected}"
        )
    return tensor, letters
