"""What tests ask a backend of results."""

import json


def results(backend, project, kind=None):
    """Return a project's results by name: payload and split of the latest."""
    sql = "SELECT name, payload, split FROM results JOIN runs USING (run_id) JOIN projects USING (project_id)"
    where = "WHERE project_name = ? AND kind = ?" if kind else "WHERE project_name = ?"
    found = backend.rows(f"{sql} {where} ORDER BY result_id", project, *([kind] if kind else []))
    return {name: (json.loads(payload), split) for name, payload, split in found}


def table(backend, project, name):
    """Return a table's columns by name."""
    payload, _ = results(backend, project, "table")[name]
    return {column["name"]: column["values"] for column in payload["columns"]}


def values(backend, project, name, split="train"):
    """Return steps and values of a series, in order of steps."""
    columns = "metric_name, loss_name, split, step, metric_value, loss_value"
    rows = backend.metrics(project, columns)
    return sorted(
        (step, metric if metric_name == name else loss)
        for metric_name, loss_name, of, step, metric, loss in rows
        if of == split and name in (metric_name, loss_name)
    )
