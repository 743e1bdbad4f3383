"""Tables, sessions and migrations of the service (SQLite by default, PostgreSQL by URL)."""
