"""The catalog: shops, tokens and saved segments, in SQLite or PostgreSQL."""
