"""What runs and projects take, over HTTP. How that is found: tests/core/test_sizes.py."""

from core.stream import metrics, started


def test_a_run_and_its_project_say_what_they_take(client):
    first, second = started(project="net"), started(project="net")
    for stream in (first, second):
        stream.send(*(metrics(step, {"loss": step, "accuracy": step}) for step in range(100)))
    run = f"/api/v1/runs/{first.run_id}"
    size = client.get(f"{run}/size").json
    project = f"/api/v1/projects/{client.get(run).json['project_id']}"
    whole = client.get(f"{project}/size").json
    assert (size["runs"], size["points"], whole["runs"], whole["points"]) == (1, 200, 2, 400)
    assert 0 < size["bytes"] < whole["bytes"]
    client.delete(run)
    assert client.get(f"{run}/size").status_code == 404
    assert client.get(f"{project}/size").json["points"] == 200
    client.delete(project)
    assert client.get(f"{project}/size").status_code == 404
