"""What a script may write for TensorBoard that Prevue has no view for: each method costs one warning."""

import functools
from collections.abc import Callable
from typing import Any

from prevue.callbacks import harmless
from prevue.notices import notices


def teed(method: Callable[..., None]) -> Callable[..., None]:
    """Call what stands for the files, too, with the same arguments. A failure of ours costs a warning."""
    guarded = harmless(method)

    @functools.wraps(method)
    def both(self: "WithoutView", *args: Any, **kwargs: Any) -> None:
        guarded(self, *args, **kwargs)
        if self.tee is not None:
            getattr(self.tee, method.__name__)(*args, **kwargs)

    return both


class WithoutView:
    """The methods of PyTorch's `SummaryWriter` whose values are left out; `tee` gets them."""

    tee: Any = None

    @teed
    def add_tensor(self, tag: str, tensor: Any, global_step: Any = None, walltime: float | None = None) -> None:
        """Is left out."""
        _leave_out("add_tensor")

    @teed
    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor: Any,
        box_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels: Any = None,
    ) -> None:
        """Is left out."""
        _leave_out("add_image_with_boxes")

    @teed
    def add_video(
        self, tag: str, vid_tensor: Any, global_step: Any = None, fps: float = 4, walltime: float | None = None
    ) -> None:
        """Is left out."""
        _leave_out("add_video")

    @teed
    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """Is left out."""
        _leave_out("add_audio")

    @teed
    def add_onnx_graph(self, prototxt: Any) -> None:
        """Is left out."""
        _leave_out("add_onnx_graph")

    @teed
    def add_embedding(
        self,
        mat: Any,
        metadata: Any = None,
        label_img: Any = None,
        global_step: Any = None,
        tag: str = "default",
        metadata_header: Any = None,
    ) -> None:
        """Is left out."""
        _leave_out("add_embedding")

    @teed
    def add_custom_scalars_multilinechart(self, tags: Any, category: str = "default", title: str = "untitled") -> None:
        """Is left out."""
        _leave_out("add_custom_scalars_multilinechart")

    @teed
    def add_custom_scalars_marginchart(self, tags: Any, category: str = "default", title: str = "untitled") -> None:
        """Is left out."""
        _leave_out("add_custom_scalars_marginchart")

    @teed
    def add_custom_scalars(self, layout: Any) -> None:
        """Is left out."""
        _leave_out("add_custom_scalars")

    @teed
    def add_mesh(
        self,
        tag: str,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: Any = None,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Is left out."""
        _leave_out("add_mesh")


def _leave_out(method: str) -> None:
    notices.warn(("no view", method), f"Prevue has no view for {method}; it is left out. tee=True keeps it in files")
