"""A program that knows Prevue by its OpenAPI document alone. `test_generated_client.py` runs it: `prevue_generated` is
made there. Its argument is the backend's URL."""

import sys
from uuid import uuid4

from prevue_generated import Client
from prevue_generated.api.projects import get_api_v1_projects
from prevue_generated.api.records import post_api_v1_runs_run_id_writers_writer_id_records as post_records
from prevue_generated.api.runs import get_api_v1_runs, get_api_v1_runs_run_id, get_api_v1_runs_run_id_series
from prevue_generated.api.series import get_api_v1_series
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
projects = get_api_v1_projects.sync(client=client)
assert [(project.user, project.project_name) for project in projects.items] == [("alice", "test")]
(run,) = get_api_v1_runs.sync(client=client, project_id=projects.items[0].project_id).items
assert (run.run_name, run.state.value) == ("given", "running")

# Reads a series, in which a value is NaN.
(series,) = get_api_v1_series.sync(client=client, run_id=[run.run_id], name=["accuracy"]).series
assert (series.exact, series.columns.step) == (True, [0, 1])
assert [getattr(value, "value", value) for value in series.columns.last] == [0.5, "NaN"]

# Logs ten points and reads them back.
start = StartRecord(type_=StartRecordType.START, project="test", uid="bob", run_name="generated")
answer = post_records.sync(run_id, writer_id, client=client, first_seq=0, body=Records(records=[start]))
points = Records(records=[loss(step) for step in range(10)])
answer = post_records.sync(run_id, writer_id, client=client, first_seq=answer.next_seq, body=points)
assert (answer.next_seq, answer.rejected_count) == (11, 0)
(series,) = get_api_v1_series.sync(client=client, run_id=[run_id], name=["loss"]).series
assert series.columns.last == [step / 10 for step in range(10)]
assert get_api_v1_runs_run_id.sync(run_id, client=client).last_step == 9
(sums,) = get_api_v1_runs_run_id_series.sync(run_id, client=client).items
assert (sums.count, sums.low, sums.high) == (10, 0.0, 0.9)

# Is told of a gap.
problem = post_records.sync(run_id, writer_id, client=client, first_seq=99, body=points)
assert isinstance(problem, Problem)
assert problem.expected == 11
