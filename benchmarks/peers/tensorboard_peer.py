"""Drives TensorBoard, with events that tensorboardX writes: see `driving`."""

import contextlib
import json
import os
import sys
import time
import urllib.parse
from argparse import Namespace
from collections.abc import Iterator

import driving

UI = "/experiment/defaultExperimentId/data/plugin/timeseries/timeSeries"
ASKED = urllib.parse.urlencode({"requests": json.dumps([{"plugin": "scalars", "tag": "loss"}])}).encode()


def log(arguments: Namespace) -> driving.Figures:
    from tensorboardX import SummaryWriter

    with SummaryWriter(f"{arguments.folder}/log") as writer:

        def call(step: int) -> None:
            for name, value in driving.VALUES.items():
                writer.add_scalar(name, value, step)

        return driving.cost_of_calls(call, arguments.calls, arguments.pause_s)


def chart(arguments: Namespace) -> driving.Figures:
    """What its page of time series asks. It keeps a sample of each series, drawn when it read the file."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary

    folder, points = f"{arguments.folder}/chart", arguments.points
    os.mkdir(folder)
    writer = EventsWriter(f"{folder}/events")  # SummaryWriter's own hands over each value to a thread
    for step in range(points):
        value = Summary.Value(tag="loss", simple_value=driving.value_at(step, points))
        writer.write_event(Event(wall_time=1_767_225_600 + step, step=step, summary=Summary(value=[value])))
    writer.close()
    with serving(folder) as client:
        until = time.monotonic() + driving.PATIENCE_S
        while not (found := steps_and_values(ask(client))) or found[-1][0] < points - 1:
            if time.monotonic() > until:
                raise RuntimeError("it has not read the file")
            time.sleep(0.5)  # it reads in the background
        figures, body = driving.time_of_reads(lambda: ask(client), arguments.reads)
    values = [value for _, value in steps_and_values(body)]
    size = driving.size_of(folder) / points
    return {**figures, "points": len(values), "spike": driving.SPIKE in values, "bytes_per_point": size}


def runs(arguments: Namespace) -> driving.Figures:
    """The names of all runs; it has no table of their values."""
    from tensorboardX import SummaryWriter

    folder = f"{arguments.folder}/runs"
    for number in range(arguments.runs):
        with SummaryWriter(f"{folder}/run{number}") as writer:
            writer.add_scalar("loss", 0.5, 1)
    with serving(folder) as client:
        until = time.monotonic() + driving.PATIENCE_S
        while len(driving.read_json(client.get("/data/runs"))) < arguments.runs and time.monotonic() < until:
            time.sleep(0.5)
        figures, body = driving.time_of_reads(lambda: client.get("/data/runs"), arguments.reads)
    return {**figures, "rows": len(driving.read_json(body))}


@contextlib.contextmanager
def serving(folder: str) -> Iterator[driving.Client]:
    port = driving.free_port()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", str(port)]
    with driving.server(command, f"http://127.0.0.1:{port}", "/data/environment") as client:
        yield client


def ask(client: driving.Client) -> bytes:
    return client.post(UI, ASKED, "application/x-www-form-urlencoded")


def steps_and_values(body: bytes) -> list[tuple[int, float]]:
    series = driving.read_json(body)[0].get("runToSeries", {})
    return [(point["step"], point["value"]) for points in series.values() for point in points]


if __name__ == "__main__":
    driving.drive({"log": log, "chart": chart, "runs": runs})
