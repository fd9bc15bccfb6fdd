"""The audience: facts about contacts, in ClickHouse (embedded or a server)."""
