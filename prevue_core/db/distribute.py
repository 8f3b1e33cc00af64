"""Spread the tables over a Citus cluster: what belongs to a run by `run_id`, what runs share on every node.

Citus keeps rows of one `run_id` together on one node, so that ingest and charts ask one node each. It wants the column
in every unique key, and foreign keys only to tables that are on every node. Tables with neither `run_id` nor a foreign
key stay where they are, on the coordinator.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import peewee

from prevue_core.db import schema
from prevue_core.db.connection import db, is_sqlite
from prevue_core.db.models import TABLES
from prevue_core.errors import CannotDistribute

COLUMN = "run_id"
LEADER = "runs"  # the others lie where its rows do


@dataclass
class Cluster:
    """What a database has of Citus, and how far its tables are spread."""

    is_available: bool  # the server has the extension, whether or not this database has it yet
    is_installed: bool
    spread: set[str]
    keys: dict[str, tuple[str, ...]]  # the columns of each table's primary key


def tables_by_run() -> list[str]:
    """Return the tables to distribute by `run_id`, the one that the others lie beside first."""
    found = [table._meta.table_name for table in TABLES if COLUMN in table._meta.columns]
    return sorted(found, key=lambda name: (name != LEADER, name))


def tables_of_all() -> list[str]:
    """Return the tables to copy to every node, each behind those that its foreign keys lead to."""
    tables = [table for table in TABLES if COLUMN not in table._meta.columns]
    linked = {one for table in TABLES if table._meta.refs for one in (table, *table._meta.refs.values())}
    in_order = peewee.sort_models(tables)  # type: ignore[attr-defined]
    return [table._meta.table_name for table in in_order if table in linked]


def statements(cluster: Cluster) -> Iterator[str]:
    """Yield the SQL that is still missing, in an order that Citus accepts; nothing where all is done."""
    if not cluster.is_installed:
        yield "CREATE EXTENSION citus"
    for table in tables_of_all():
        if table not in cluster.spread:
            yield f"SELECT create_reference_table('{table}')"
    for table in tables_by_run():
        key = cluster.keys[table]
        if COLUMN not in key:
            columns = ", ".join((COLUMN, *key))
            yield f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY ({columns})"
        if table not in cluster.spread:
            beside = "none" if table == LEADER else LEADER
            yield f"SELECT create_distributed_table('{table}', '{COLUMN}', colocate_with => '{beside}')"


def distribute() -> Iterator[str]:
    """Execute what is missing, and yield each statement before it. Each stands for itself: called again after a
    failure, it goes on where it was.

    Raises CannotDistribute where the database is not PostgreSQL with Citus, or its tables are not up to date.
    """
    if is_sqlite():
        raise CannotDistribute("SQLite is one file on one machine; give a PostgreSQL database with Citus")
    with db.connection_context():
        cluster = _look()
        if not (cluster.is_installed or cluster.is_available):
            raise CannotDistribute("this PostgreSQL server has no extension `citus`; install it, or stay undistributed")
        if not schema.is_ready():
            raise CannotDistribute("the tables are not those of this version; call `prevue db upgrade` first")
        db.execute_sql("SET statement_timeout = 0")  # stored rows move to their nodes, however long that takes
        for statement in statements(cluster):
            yield statement
            db.execute_sql(statement)


def _look() -> Cluster:
    is_installed = _has("SELECT 1 FROM pg_extension WHERE extname = 'citus'")
    spread = "SELECT relname FROM pg_class JOIN pg_dist_partition ON logicalrelid = pg_class.oid"
    return Cluster(
        is_available=_has("SELECT 1 FROM pg_available_extensions WHERE name = 'citus'"),
        is_installed=is_installed,
        spread={name for (name,) in db.execute_sql(spread)} if is_installed else set(),
        keys={table: tuple(db.get_primary_keys(table)) for table in tables_by_run()},
    )


def _has(query: str) -> bool:
    return db.execute_sql(query).fetchone() is not None
