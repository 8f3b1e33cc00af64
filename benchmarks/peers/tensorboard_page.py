"""Fills a folder with TensorBoard's events: `python tensorboard_page.py FOLDER RUNS NAMES POINTS`."""

import os
import random
import sys

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary

BEGAN_AT = 1_767_225_600


def main(folder: str, runs: int, names: int, points: int) -> None:
    chance = random.Random(0)
    tags = [f"train/metric_{number:02}" for number in range(names)]
    for run in range(runs):
        os.makedirs(f"{folder}/run{run}")
        writer = EventsWriter(f"{folder}/run{run}/events")  # SummaryWriter's own hands over each value to a thread
        for step in range(points):
            values = [Summary.Value(tag=tag, simple_value=1 / (1 + step / 500) + chance.random() / 20) for tag in tags]
            writer.write_event(Event(wall_time=BEGAN_AT + step, step=step, summary=Summary(value=values)))
        writer.close()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
