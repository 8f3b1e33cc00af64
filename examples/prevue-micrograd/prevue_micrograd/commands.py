"""The command `prevue best`."""

import click

import prevue


@click.command(epilog="Examples: prevue best moons      prevue best moons val/accuracy --highest")
@click.argument("project")
@click.argument("series", default="train/loss")
@click.option("--highest", is_flag=True, help="The highest value is the best, not the lowest.")
@click.option("--url", help="The server.  [default: PREVUE_URL or http://localhost:8080]")
def best(project: str, series: str, highest: bool, url: str | None) -> None:
    """Print the last value of SERIES in each run of PROJECT, the best first."""
    found = [
        (row["last"], run.run_name)
        for run in prevue.Api(url).runs(project)
        for row in run.summary()
        if f"{row['split']}/{row['name']}" == series
    ]
    if not found:
        raise click.ClickException(f"no run of project {project!r} has a series {series!r}")
    for value, name in sorted(found, reverse=highest):
        click.echo(f"{value:10.4g}  {name}")
