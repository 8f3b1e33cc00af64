"""The tracker for Accelerate: importing this module makes `Accelerator(log_with="prevue")` known."""

from collections.abc import Mapping
from typing import Any

import prevue
from prevue.callbacks import harmless
from prevue_torch.opening import LoggerRun, storable

try:
    from accelerate import tracking
    from accelerate.tracking import GeneralTracker, on_main_process
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "accelerate":
        raise
    raise ImportError("PrevueTracker needs Accelerate: pip install 'prevue-torch[accelerate]'") from error


class PrevueTracker(GeneralTracker):
    """Shows in Prevue what `accelerator.log` is given.

        accelerator = Accelerator(log_with="prevue")
        accelerator.init_trackers("digits", config={"lr": 1e-3}, init_kwargs={"prevue": {"name": "first"}})

    Only the main process logs. A failure of ours costs a warning, never the training.
    """

    name = "prevue"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self, run_name: str | None = None, **init_kwargs: Any) -> None:
        """Keep what `start` opens: `run_name`, which Accelerate calls the project's name, is the project.

        `init_kwargs`: further arguments of `prevue.init`, such as `name`, `url` and `tags`.
        Raises InvalidValue, a ValueError, for a value that cannot be used.
        """
        super().__init__()
        self._run = LoggerRun(**{"project": run_name, **init_kwargs})

    @property
    def tracker(self) -> prevue.Run:
        """The run, for what Accelerate has no call for."""
        return self._run.open()

    @on_main_process
    @harmless
    def start(self) -> None:
        """Open the run; Accelerate has its processes by now."""
        self._run.open()

    @on_main_process
    @harmless
    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Add to the run's configuration."""
        self._run.open().config.update(storable(values))

    @on_main_process
    @harmless
    def log(self, values: Mapping[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Log numbers, tensors with one number, dicts of such, and text. `kwargs`: `epoch`, `batch` and `split`."""
        run = self._run.open()
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        run.log({name: value for name, value in values.items() if name not in texts}, step, **kwargs)
        for name, text in texts.items():
            run.log_text(name, text, step=step)

    @on_main_process
    @harmless
    def log_images(self, values: Mapping[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Log lists of images: arrays of (height, width, channels)."""
        for name, images in values.items():
            for number, image in enumerate(images):
                shown = name if len(images) == 1 else f"{name}/{number}"
                self._run.open().log_image(shown, image, step=step, **kwargs)

    @on_main_process
    @harmless
    def log_table(
        self,
        table_name: str,
        columns: list[str] | None = None,
        data: list[list[Any]] | None = None,
        dataframe: Any = None,
        step: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Log a table: rows under the names of columns, or a data frame."""
        if dataframe is not None:
            table = {str(name): list(dataframe[name]) for name in dataframe.columns}
        else:
            rows = list(zip(*(data or []), strict=True))
            table = {name: list(rows[place]) if rows else [] for place, name in enumerate(columns or [])}
        self._run.open().log_table(table_name, table, step=step, **kwargs)

    @on_main_process
    @harmless
    def finish(self) -> None:
        """Finish the run."""
        self._run.close()


if hasattr(tracking, "register_tracker_class"):  # from 1.15 on; before, `log_with` takes a tracker of ours
    tracking.register_tracker_class(PrevueTracker)
