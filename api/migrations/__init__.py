"""Migrations of the database, one module each, run by `api.database.migrate`."""
