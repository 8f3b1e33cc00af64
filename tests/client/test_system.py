"""Samples of the machine: what they hold, when they come, and when they do not."""

import sys
import threading
import time
from types import SimpleNamespace

import pytest

from prevue import system
from prevue.config import client_settings
from prevue.system import Rates, nvidia_sources, sample_of, sources_here

ALWAYS = {"cpu_percent", "memory_percent", "process_cpu_percent", "process_memory_mb"}
RUN_ID = "019ab1c2-0000-7000-8000-000000000001"


@pytest.fixture
def at_once(monkeypatch):
    """Let samples come at once, and so often that a test need not wait."""
    monkeypatch.setattr(system, "FIRST_S", 0.001)
    monkeypatch.setattr(system, "EACH_S", 0.01)


def samples(records):
    return [record for record in records if record.get("split") == "system"]


def sampler():
    return [thread for thread in threading.enumerate() if thread.name == "prevue-system"]


def test_a_run_tells_how_busy_the_machine_is(at_once, backend, new_run):
    new_run(system_metrics=True)
    backend.wait_for(lambda: len(samples(backend.records)) > 1)
    sample = samples(backend.records)[-1]
    assert sample["type"] == "metrics"
    assert sample["step"] in range(60)
    assert set(sample["values"]) >= ALWAYS
    assert sample["values"]["process_memory_mb"] > 1
    assert 0 < sample["values"]["memory_percent"] < 100


def test_samples_leave_the_steps_of_the_training_alone(at_once, backend, new_run):
    run = new_run(system_metrics=True)
    run.log({"loss": 1.0})
    backend.wait_for(lambda: samples(backend.records))
    run.log({"loss": 0.5})
    run.finish()
    backend.wait_for(lambda: backend.records[-1]["type"] == "end")
    assert [record["step"] for record in backend.records if "loss" in record.get("values", {})] == [0, 1]
    assert run.logged == 2


@pytest.mark.parametrize(
    ("argument", "setting", "is_sampled"),
    [(None, "0", False), (None, "1", True), (None, None, True), (True, "0", True), (False, "1", False)],
)
def test_the_argument_wins_over_the_environment_and_else_it_is_on(argument, setting, is_sampled):
    environ = {} if setting is None else {"PREVUE_SYSTEM_METRICS": setting}
    assert client_settings(system_metrics=argument, environ=environ).system_metrics is is_sampled


@pytest.mark.parametrize(("mode", "count"), [("online", 1), ("offline", 1), ("disabled", 0)])
def test_a_disabled_run_samples_nothing(new_run, no_server, mode, count):
    new_run(mode=mode, system_metrics=True)
    assert len(sampler()) == count


def test_it_can_be_switched_off(new_run):
    new_run(mode="offline", system_metrics=False)
    assert sampler() == []


def test_it_ends_with_the_run(at_once, new_run, spooled):
    run = new_run(mode="offline", system_metrics=True)
    (thread,) = sampler()
    run.finish()
    thread.join(10)
    assert not thread.is_alive()
    assert spooled()[-1]["type"] == "end"


def test_a_run_that_goes_on_counts_the_seconds_since_it_began(at_once, backend, new_run):
    began = time.time() - 5_000
    backend.documents[f"/api/v1/runs/{RUN_ID}/writers"] = (200, {"items": [{"run_started_at": began}]})
    new_run(run_id=RUN_ID, system_metrics=True)
    backend.wait_for(lambda: samples(backend.records))
    assert 5_000 <= samples(backend.records)[0]["step"] < 5_060


def test_seconds_count_from_what_waits_here_too(new_run):
    first = new_run(run_id=RUN_ID, mode="offline")
    first.finish()
    assert new_run(run_id=RUN_ID, mode="offline")._run_began == first._run_began


def test_a_forked_child_samples_nothing(python, spooled):
    ended = python(
        "import os, threading, prevue\n"
        "run = prevue.init('p', mode='offline', system_metrics=True)\n"
        "if not (pid := os.fork()):\n"
        "    run.log({'loss': 1.0})\n"
        "    print([thread.name for thread in threading.enumerate()], flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
    )
    assert ended.stdout == "['MainThread']\n", ended.stderr


@pytest.mark.parametrize(("local_rank", "sees_machine"), [(None, True), ("0", True), ("1", False)])
def test_one_process_of_a_machine_looks_at_the_whole_of_it(monkeypatch, local_rank, sees_machine):
    if local_rank is not None:
        monkeypatch.setenv("LOCAL_RANK", local_rank)
    names = sample_of(sources_here(on_machine=client_settings().is_first_on_machine, gpus=())).keys()
    assert names >= {"process_cpu_percent", "process_memory_mb"}
    assert ("cpu_percent" in names) is sees_machine


def test_what_may_not_be_read_is_told_of_once_and_left_out(caplog):
    asked = []

    def forbidden():
        asked.append(1)
        raise PermissionError("no access to /proc/diskstats")

    sources = [forbidden, lambda: {"cpu_percent": 5.0}]
    assert [sample_of(sources), sample_of(sources)] == [{"cpu_percent": 5.0}] * 2
    assert asked == [1]
    assert "forbidden cannot be sampled here, and is left out: PermissionError: no access" in caplog.text


def test_a_machine_without_psutil_is_told_of_and_the_run_goes_on(monkeypatch, caplog, new_run, spooled):
    monkeypatch.setitem(sys.modules, "psutil", None)
    run = new_run(mode="offline", system_metrics=True)
    for thread in sampler():
        thread.join(10)
    run.log({"loss": 1.0})
    assert "nothing can be sampled of this machine: ModuleNotFoundError" in caplog.text
    assert spooled()[-1]["values"] == {"loss": 1.0}


# rates


def rates(*readings):
    """Return what counters of bytes come to that are read at given seconds."""
    times, counts = zip(*readings, strict=True)
    clock, counters = iter(times), iter([None if one is None else SimpleNamespace(read=one) for one in counts])
    source = Rates(lambda: next(counters), {"read_mb_s": "read"}, now=lambda: next(clock))
    return [source() for _ in readings[1:]]


def test_a_rate_is_what_came_since_the_sample_before():
    assert rates((0, 0), (2, 10e6), (4, 10e6), (5, 13e6)) == [
        {"read_mb_s": 5.0},
        {"read_mb_s": 0.0},
        {"read_mb_s": 3.0},
    ]


def test_a_counter_that_went_back_is_no_rate_below_nothing():
    assert rates((0, 9e6), (1, 1e6), (2, 3e6)) == [{"read_mb_s": 0.0}, {"read_mb_s": 2.0}]


def test_a_machine_without_such_counters_has_no_rate():
    source = Rates(lambda: None, {"read_mb_s": "read"})
    assert source() == {}


# GPUs


class Driver:
    """Stands for nvidia-ml-py with two GPUs, of which the second one has partitions and tells no power."""

    NVML_TEMPERATURE_GPU, NVML_ERROR_LIBRARY_NOT_FOUND, NVML_ERROR_DRIVER_NOT_LOADED = 0, 12, 9

    class NVMLError(Exception):
        def __init__(self, value):
            super().__init__(f"error {value}")
            self.value = value

    def __init__(self, fails_with=None):
        self._fails_with = fails_with

    def nvmlInit(self):
        if self._fails_with is not None:
            raise self.NVMLError(self._fails_with)

    def __getattr__(self, name):
        answers = {
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda number: number,
            "nvmlDeviceGetHandleByUUID": lambda uuid: int(uuid[-1]),
            "nvmlDeviceGetIndex": lambda gpu: gpu,
            "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=40 + gpu),
            "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(used=2e9, total=8e9),
            "nvmlDeviceGetTemperature": lambda gpu, sensor: 60,
            "nvmlDeviceGetPowerUsage": self._power,
        }
        return answers[name]

    def _power(self, gpu):
        if gpu == 1:
            raise self.NVMLError(3)
        return 150_000


def readings(monkeypatch, driver, gpus):
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    return sample_of(nvidia_sources(gpus))


def test_each_gpu_tells_what_it_has(monkeypatch):
    others = {"gpu1_percent": 41.0, "gpu1_memory_mb": 2000.0, "gpu1_memory_percent": 25.0, "gpu1_temperature_c": 60.0}
    first = {"gpu0_percent": 40.0, "gpu0_memory_mb": 2000.0, "gpu0_memory_percent": 25.0, "gpu0_temperature_c": 60.0}
    assert readings(monkeypatch, Driver(), None) == {**first, "gpu0_power_w": 150.0, **others}


@pytest.mark.parametrize(
    ("visible", "number"), [("1", "gpu1_"), ("GPU-aa0", "gpu0_"), ("0,-1,1", "gpu0_"), ("", None), ("NoDevFiles", None)]
)
def test_only_gpus_that_the_process_may_use_are_looked_at(monkeypatch, visible, number):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    names = readings(monkeypatch, Driver(), client_settings().gpus)
    assert {name[:5] for name in names} == ({number} if number else set())


@pytest.mark.parametrize(("code", "is_told"), [(9, False), (12, False), (999, True)])
def test_a_machine_without_a_driver_is_no_news_and_a_broken_one_is(monkeypatch, caplog, code, is_told):
    assert readings(monkeypatch, Driver(fails_with=code), None) == {}
    assert ("GPUs cannot be sampled" in caplog.text) is is_told


def test_without_nvidia_ml_py_there_are_no_gpus(monkeypatch, caplog):
    assert readings(monkeypatch, None, None) == {}
    assert caplog.text == ""
