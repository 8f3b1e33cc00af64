"""The database: connection, tables, migrations, the one way in (`ingest`) and all ways out (`queries`)."""
