"""System metrics: how busy the machine and the process are, sampled beside the training in a thread of its own.

They are metrics of the split `system`, whose steps are the seconds since the run began. Rates are means since the
sample before; MB are 10^6 bytes.

cpu_percent              of all CPUs of the machine
memory_percent           of the machine's memory that is not available
process_cpu_percent      of one CPU, by this process: 200 are two CPUs
process_memory_mb        that this process holds in memory
disk_read_mb_s, disk_write_mb_s, network_received_mb_s, network_sent_mb_s      of the machine
gpu0_percent             of the time in which GPU 0 worked; gpu1_ and so on are the others that the process may use
gpu0_memory_percent, gpu0_memory_mb, gpu0_temperature_c, gpu0_power_w          of NVIDIA GPUs, by nvidia-ml-py
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from prevue.notices import notices

FIRST_S = 1.0  # until the first sample; each pause is twice the one before, up to
EACH_S = 10.0
MB = 1e6

Sample = dict[str, float]
Source = Callable[[], Sample]


class SystemThread(threading.Thread):
    """Takes samples and gives them to `keep`, until `stop`.

    `on_machine`: whether to look at the whole machine and its GPUs; of several processes on one machine one does.
    `gpus`: those to look at, by number or UUID; None: all.
    """

    def __init__(self, keep: Callable[[Sample], None], *, on_machine: bool, gpus: Sequence[str] | None) -> None:
        super().__init__(name="prevue-system", daemon=True)
        self._keep, self._on_machine, self._gpus = keep, on_machine, gpus
        self._ended = threading.Event()
        self.has_imported = threading.Event()  # what it needs: see `Run`'s care for forks

    def stop(self) -> None:
        """Take no more samples."""
        self._ended.set()

    def run(self) -> None:
        """Sample until `stop`."""
        try:
            sources = sources_here(on_machine=self._on_machine, gpus=self._gpus)
        except Exception as error:  # noqa: BLE001 - foreign code: it must not touch the training, whatever it is
            notices.warn("system", f"nothing can be sampled of this machine: {type(error).__name__}: {error}")
            return
        finally:
            self.has_imported.set()
        pause_s = FIRST_S
        while sources and not self._ended.wait(pause_s):
            if sample := sample_of(sources):
                self._keep(sample)
            pause_s = min(2 * pause_s, EACH_S)


def sample_of(sources: list[Source]) -> Sample:
    """Return what sources say now. One that fails is told of once, and asked no more."""
    sample: Sample = {}
    for source in list(sources):
        try:
            sample |= source()
        except Exception as error:  # noqa: BLE001 - foreign code: permissions, drivers, containers
            sources.remove(source)
            what = getattr(source, "__name__", type(source).__name__).strip("_")
            notices.warn(
                ("system", what), f"{what} cannot be sampled here, and is left out: {type(error).__name__}: {error}"
            )
    return sample


def sources_here(*, on_machine: bool, gpus: Sequence[str] | None) -> list[Source]:
    """Return what can be asked on this machine. Rates count from now on."""
    import psutil  # 10 ms that the training should not wait for

    process = psutil.Process()
    psutil.cpu_percent()
    process.cpu_percent()

    def cpu() -> Sample:
        return {"cpu_percent": psutil.cpu_percent()}

    def memory() -> Sample:
        return {"memory_percent": psutil.virtual_memory().percent}

    def this_process() -> Sample:
        with process.oneshot():
            return {
                "process_cpu_percent": process.cpu_percent(),
                "process_memory_mb": process.memory_info().rss / MB,
            }

    # Without psutil's own care for counters that wrap around, which takes a lock that a fork could find locked.
    disk = Rates(
        lambda: psutil.disk_io_counters(nowrap=False),
        {"disk_read_mb_s": "read_bytes", "disk_write_mb_s": "write_bytes"},
    )
    network = Rates(
        lambda: psutil.net_io_counters(nowrap=False),
        {"network_received_mb_s": "bytes_recv", "network_sent_mb_s": "bytes_sent"},
    )
    of_machine: list[Source] = [cpu, memory, disk, network, *nvidia_sources(gpus)] if on_machine else []
    return [this_process, *of_machine]


class Rates:
    """What counters of bytes grow by, in MB a second."""

    def __init__(
        self, read: Callable[[], Any], names: dict[str, str], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._names, self._now = read, names, now
        self.__name__ = next(iter(names)).partition("_")[0]
        self._before: tuple[float, Sample] | None = None
        self()

    def __call__(self) -> Sample:
        """Return the rates since the last call; nothing where a machine has no such counters."""
        before, counters = self._before, self._read()
        if counters is None:  # no disk, say
            return {}
        now, counts = self._now(), {name: getattr(counters, field) for name, field in self._names.items()}
        self._before = now, counts
        if before is None or now <= before[0]:
            return {}
        # A disk or an interface that went takes its count with it.
        return {name: max(0.0, (count - before[1][name]) / (now - before[0]) / MB) for name, count in counts.items()}


def nvidia_sources(gpus: Sequence[str] | None) -> list[Source]:
    """Return a source for each NVIDIA GPU; none without nvidia-ml-py or a driver."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        asked = map(str, range(pynvml.nvmlDeviceGetCount())) if gpus is None else gpus
        return [_Gpu(pynvml, _handle(pynvml, gpu)) for gpu in asked]
    except pynvml.NVMLError as error:
        if error.value not in (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED):
            notices.warn(("system", "gpu"), f"GPUs cannot be sampled: {error}")
        return []


def _handle(pynvml: Any, gpu: str) -> Any:
    if gpu.isdecimal():
        return pynvml.nvmlDeviceGetHandleByIndex(int(gpu))
    return pynvml.nvmlDeviceGetHandleByUUID(gpu)


class _Gpu:
    """A GPU. A reading that its model or its partition does not have is left out."""

    def __init__(self, pynvml: Any, handle: Any) -> None:
        self._nvml = pynvml
        number = pynvml.nvmlDeviceGetIndex(handle)
        self.__name__ = f"gpu{number}"
        readings: dict[str, Callable[[], float]] = {
            "percent": lambda: float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            "memory_mb": lambda: pynvml.nvmlDeviceGetMemoryInfo(handle).used / MB,
            "memory_percent": lambda: _percent(pynvml.nvmlDeviceGetMemoryInfo(handle)),
            "temperature_c": lambda: float(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
            "power_w": lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1_000,
        }
        self._readings = {f"{self.__name__}_{name}": read for name, read in readings.items() if self._has(read)}

    def __call__(self) -> Sample:
        return {name: read() for name, read in self._readings.items()}

    def _has(self, read: Callable[[], float]) -> bool:
        try:
            read()
        except self._nvml.NVMLError:
            return False
        return True


def _percent(memory: Any) -> float:
    return 100 * memory.used / memory.total
