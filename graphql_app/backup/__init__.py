"""Backups: an installation as files that any other installation can be made from."""

from graphql_app.backup.files import BackupError, Manifest, check
from graphql_app.backup.restoring import restore
from graphql_app.backup.serving import ask_for, offered
from graphql_app.backup.taking import take

__all__ = ["BackupError", "Manifest", "ask_for", "check", "offered", "restore", "take"]
