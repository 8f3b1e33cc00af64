"""`SummaryWriter` with the signature of PyTorch's: changing one import moves a script from TensorBoard to Prevue."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import prevue
from prevue.callbacks import harmless
from prevue.notices import notices
from prevue.tensorboard_forms import Tags, rising_buckets
from prevue_core.contract import RESUMED
from prevue_torch.describe import describe_model
from prevue_torch.opening import LoggerRun, storable
from prevue_torch.pictures import grid, height_width_channels, picture_of
from prevue_torch.precision import precision_and_recall
from prevue_torch.without_view import WithoutView, teed

RUN_FILE = ".prevue-run"  # in a log_dir: the id of the run that was logged there last


class SummaryWriter(WithoutView):
    """Logs to Prevue what a script writes for TensorBoard. The names of methods and their arguments are PyTorch's.

        from prevue_torch import SummaryWriter

    A `log_dir` is a run: its last part is the run's name. Tags that begin or end with a split (`Loss/test`, `val/Loss`)
    go there. Audio, video, meshes, embeddings and layouts have no view in Prevue: they cost one warning each.
    In a distributed training only rank 0 logs, unless a `run_id` (or PREVUE_RUN_ID) puts all ranks into one run.
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
        *,
        tee: Any = False,
        run: prevue.Run | None = None,
        **init_kwargs: Any,
    ) -> None:
        """Keep what opens a run once something is added.

        `purge_step`: go on with the run that was logged into this `log_dir` last; steps from this one on come again.
        `tee`: True writes TensorBoard's files, too, or a writer of yours does. `max_queue`, `flush_secs` and
        `filename_suffix` are for these files.
        `run`: one that is open already, instead of all that would open another; `close` leaves it open.
        `init_kwargs`: further arguments of `prevue.init`, such as `project`, `url` and `config`.
        Raises InvalidValue, a ValueError, for a value that cannot be used.
        """
        self._folder = Path(log_dir or _usual_folder(comment))
        self._purge_step = purge_step
        if run is None:
            former = None if purge_step is None else _run_of(self._folder)
            init_kwargs = {"name": self._folder.name, **({"run_id": former} if former else {}), **init_kwargs}
        self._run = LoggerRun(run, **init_kwargs)
        self._tags = Tags()
        files = (str(self._folder), comment, purge_step, max_queue, flush_secs, filename_suffix)
        self.tee = _torch_writer(*files) if tee is True else tee or None

    @property
    def log_dir(self) -> str:
        """The folder; it is made when it is asked for, for what a script keeps beside its logs."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return str(self._folder)

    def get_logdir(self) -> str:
        """Return the folder."""
        return self.log_dir

    # what has a view

    @teed
    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: Any = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Log a number."""
        _say_if_timed(walltime)
        split, name = self._tags.place(tag)
        self._opened().log({name: scalar_value}, global_step, split=split)

    @teed
    def add_scalars(
        self, main_tag: str, tag_scalar_dict: Mapping[str, Any], global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Log numbers that belong together, as `main_tag/tag`."""
        _say_if_timed(walltime)
        run, by_split = self._opened(), dict[str, dict[str, Any]]()
        for tag, value in tag_scalar_dict.items():
            split, name = self._tags.place(f"{main_tag}/{tag}")
            by_split.setdefault(split, {})[name] = value
        for split, values in by_split.items():
            run.log(values, global_step, split=split)

    @teed
    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Log how values are spread, in at most 64 buckets."""
        split, name = self._tags.place(tag)
        self._opened().log_histogram(name, values, step=global_step, split=split)

    @teed
    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: int,
        sum: float,
        sum_squares: float,
        bucket_limits: Any,
        bucket_counts: Any,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Log buckets; a limit is a bucket's right edge."""
        limits, numbers = ([float(one) for one in given] for given in (bucket_limits, bucket_counts))
        edges, counts = rising_buckets([float(min), *limits], numbers)
        split, name = self._tags.place(tag)
        self._opened().log_histogram(name, counts=counts, edges=edges, step=global_step, split=split)

    @teed
    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Log an image: floats from 0 to 1, or bytes; `dataformats` has a letter for each dimension."""
        self._log_image(tag, height_width_channels(img_tensor, dataformats), global_step)

    @teed
    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Log images as one, eight in a row."""
        self._log_image(tag, grid(img_tensor, dataformats), global_step)

    @teed
    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """Log a Matplotlib figure, or several, as images."""
        figures = list(figure) if isinstance(figure, list | tuple) else [figure]
        for number, one in enumerate(figures):
            self._log_image(tag if len(figures) == 1 else f"{tag}/{number}", picture_of(one), global_step)
        if close and self.tee is None:  # else it does
            from matplotlib import pyplot

            for one in figures:
                pyplot.close(one)

    @teed
    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """Log text."""
        split, name = self._tags.place(tag)
        self._opened().log_text(name, text_string, step=global_step, split=split)

    @teed
    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Log precision over recall. `labels`: 0 or 1, `predictions`: from 0 to 1, of equal shape."""
        self._log_pr_curve(tag, *precision_and_recall(labels, predictions, num_thresholds, weights), global_step)

    @teed
    def add_pr_curve_raw(
        self,
        tag: str,
        true_positive_counts: Any,
        false_positive_counts: Any,
        true_negative_counts: Any,
        false_negative_counts: Any,
        precision: Any,
        recall: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Log precision over recall, both computed already."""
        self._log_pr_curve(tag, [float(one) for one in precision], [float(one) for one in recall], global_step)

    @teed
    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """Describe the model; with an input, on which it is run once, with shapes."""
        self._opened().describe(describe_model(model, input_to_model))

    @teed
    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        hparam_domain_discrete: Any = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Add to the run's configuration, and log the metrics. There is no other run for them, as PyTorch makes one."""
        run = self._opened()
        run.config.update(storable(hparam_dict))
        for tag, value in metric_dict.items():
            split, name = self._tags.place(tag)
            run.log({name: value}, global_step, split=split)

    # the end

    @teed
    def flush(self) -> None:
        """Nothing waits here: what was added is on disk already."""

    @teed
    def close(self) -> None:
        """Finish the run, unless it was given. What is added then goes on with it."""
        self._run.close()

    def __enter__(self) -> "SummaryWriter":
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        harmless(self._run.close)(exc_val)
        if self.tee is not None:
            self.tee.close()

    def _opened(self) -> prevue.Run:
        run = self._run.run
        if run is None:
            run = self._run.open()
            with suppress(OSError):  # a folder that cannot be written costs `purge_step` only
                (Path(self.log_dir) / RUN_FILE).write_text(run.run_id)
            if self._purge_step is not None:
                run.add_event(RESUMED, f"goes on at step {self._purge_step}", step=self._purge_step)
                self._purge_step = None
        return run

    def _log_image(self, tag: str, image: Any, step: Any) -> None:
        split, name = self._tags.place(tag)
        self._opened().log_image(name, image, step=step, split=split)

    def _log_pr_curve(self, tag: str, precision: list[float], recall: list[float], step: Any) -> None:
        split, name = self._tags.place(tag)
        last = max(1, len(precision) - 1)
        payload = {
            "precision": precision,
            "recall": recall,
            "thresholds": [number / last for number in range(len(precision))],
        }
        self._opened().log_result("pr_curve", name, payload, step=step, split=split)


def _usual_folder(comment: str) -> str:
    return os.path.join("runs", f"{datetime.now():%b%d_%H-%M-%S}_{socket.gethostname()}{comment}")


def _run_of(folder: Path) -> str | None:
    try:
        return (folder / RUN_FILE).read_text().strip() or None
    except OSError:
        return None


def _torch_writer(*given: Any) -> Any:
    from torch.utils.tensorboard import SummaryWriter as TorchWriter  # needs the package tensorboard

    return TorchWriter(*given)


def _say_if_timed(walltime: float | None) -> None:
    if walltime is not None:
        notices.warn("walltime", "a walltime is not kept: the time at which a value is logged counts")
