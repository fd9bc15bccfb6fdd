"""Backups: an installation as files, which can be restored into any kind of stores."""

from graphql_app.backup.archive import BackupError, Manifest, check_backup
from graphql_app.backup.create import create_backup
from graphql_app.backup.restore import restore_backup
from graphql_app.backup.unix_server import request_backup, serve_backups

__all__ = [
    "BackupError",
    "Manifest",
    "check_backup",
    "create_backup",
    "request_backup",
    "restore_backup",
    "serve_backups",
]
