"""A program that knows Prevue by its OpenAPI document alone. `test_generated_client.py` runs it: `prevue_generated` is
made there. Its argument is the backend's URL."""

import sys
from uuid import uuid4

from prevue_generated import Client
from prevue_generated.api.projects import list_projects
from prevue_generated.api.records import add_records
from prevue_generated.api.runs import get_run, list_runs, list_series_of_run
from prevue_generated.api.series import get_series
from prevue_generated.models import (
    MetricsRecord,
    MetricsRecordType,
    MetricsRecordValues,
    Problem,
    Records,
    StartRecord,
    StartRecordType,
)

client = Client(base_url=sys.argv[1])
run_id, writer_id = uuid4(), uuid4()


def loss(step: int) -> MetricsRecord:
    return MetricsRecord(
        type_=MetricsRecordType.METRICS, step=step, values=MetricsRecordValues.from_dict({"loss": step / 10})
    )


# Lists projects and runs.
projects = list_projects.sync(client=client)
assert [(project.user, project.project_name) for project in projects.items] == [("alice", "test")]
(run,) = list_runs.sync(client=client, project_id=projects.items[0].project_id).items
assert (run.run_name, run.state.value) == ("given", "running")

# Reads a series, in which a value is NaN.
(series,) = get_series.sync(client=client, run_id=[run.run_id], name=["accuracy"]).series
assert (series.exact, series.columns.step) == (True, [0, 1])
assert [getattr(value, "value", value) for value in series.columns.last] == [0.5, "NaN"]

# Logs ten points and reads them back.
start = StartRecord(type_=StartRecordType.START, project="test", uid="bob", run_name="generated")
answer = add_records.sync(run_id, writer_id, client=client, first_seq=0, body=Records(records=[start]))
points = Records(records=[loss(step) for step in range(10)])
answer = add_records.sync(run_id, writer_id, client=client, first_seq=answer.next_seq, body=points)
assert (answer.next_seq, answer.rejected_count) == (11, 0)
(series,) = get_series.sync(client=client, run_id=[run_id], name=["loss"]).series
assert series.columns.last == [step / 10 for step in range(10)]
assert get_run.sync(run_id, client=client).last_step == 9
(sums,) = list_series_of_run.sync(run_id, client=client).items
assert (sums.count, sums.low, sums.high) == (10, 0.0, 0.9)

# Is told of a gap.
problem = add_records.sync(run_id, writer_id, client=client, first_seq=99, body=points)
assert isinstance(problem, Problem)
assert problem.expected == 11
