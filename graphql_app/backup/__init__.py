"""Backups: an installation as files that any other installation can be made from."""

from graphql_app.backup.archive import BackupError, Manifest, check
from graphql_app.backup.create import take
from graphql_app.backup.restore import restore
from graphql_app.backup.unix_server import ask_for, offered

__all__ = ["BackupError", "Manifest", "ask_for", "check", "offered", "restore", "take"]
