"""The ground that client and server share (contract, errors, settings, hooks), the database and the HTTP API."""

__version__ = "0.1.0"
