"""A stand-in for Citus on a plain PostgreSQL server: functions that look at tables as Citus does, and spread nothing.

They refuse what Citus 13 refuses: a unique key without the distribution column, a foreign key to a table that is
neither on every node nor beside, and one from a table on every node to one that is not.
"""

import postgres

INSTALL = """
CREATE SCHEMA citus;
CREATE TABLE citus.pg_extension AS SELECT 'citus' AS extname;
CREATE TABLE citus.pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod "char", partkey text, beside text);

CREATE FUNCTION citus.foreign_keys(of regclass) RETURNS TABLE (target regclass, rule "char") AS $$
  SELECT confrelid::regclass, confdeltype FROM pg_constraint WHERE contype = 'f' AND conrelid = of
$$ LANGUAGE sql;

CREATE FUNCTION citus.create_reference_table(table_name regclass) RETURNS void AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM citus.pg_dist_partition WHERE logicalrelid = table_name) THEN
    RAISE 'table "%" is already distributed', table_name;
  ELSIF EXISTS (SELECT 1 FROM citus.foreign_keys(table_name) WHERE target <> table_name AND target NOT IN
                (SELECT logicalrelid FROM citus.pg_dist_partition WHERE partmethod = 'n')) THEN
    RAISE 'referenced table of "%" must be a reference table', table_name;
  END IF;
  INSERT INTO citus.pg_dist_partition VALUES (table_name, 'n', NULL, NULL);
END $$ LANGUAGE plpgsql;

CREATE FUNCTION citus.create_distributed_table(table_name regclass, distribution_column text, colocate_with text)
RETURNS void AS $$
DECLARE beside_what text := nullif(colocate_with, 'none');
BEGIN
  IF EXISTS (SELECT 1 FROM citus.pg_dist_partition WHERE logicalrelid = table_name) THEN
    RAISE 'table "%" is already distributed', table_name;
  ELSIF EXISTS (SELECT 1 FROM pg_index WHERE indrelid = table_name AND indisunique AND NOT EXISTS
                (SELECT 1 FROM pg_attribute WHERE attrelid = table_name AND attname = distribution_column
                 AND attnum = ANY (indkey))) THEN
    RAISE 'cannot create constraint on "%": a unique key does not include the partition column', table_name;
  ELSIF EXISTS (SELECT 1 FROM citus.foreign_keys(table_name) WHERE target NOT IN
                (SELECT logicalrelid FROM citus.pg_dist_partition WHERE partmethod = 'n')) THEN
    RAISE 'referenced table of "%" must be a distributed table or a reference table', table_name;
  ELSIF EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = table_name AND NOT tgisinternal) THEN
    RAISE 'triggers are not supported on distributed tables';
  ELSIF beside_what IS NOT NULL AND NOT EXISTS (SELECT 1 FROM citus.pg_dist_partition WHERE partmethod = 'h'
        AND logicalrelid::text = beside_what AND partkey = distribution_column) THEN
    RAISE 'cannot colocate tables % and %', beside_what, table_name;
  END IF;
  INSERT INTO citus.pg_dist_partition
  VALUES (table_name, 'h', distribution_column, coalesce(beside_what, table_name::text));
END $$ LANGUAGE plpgsql
"""


def pretend(url: str) -> None:
    """Put the stand-in before the real catalogue, for all later connections to a database."""
    first = f"ALTER DATABASE {postgres.name_of(url)} SET search_path = public, citus, pg_catalog"
    postgres.execute(url, f"{INSTALL}; {first}")
