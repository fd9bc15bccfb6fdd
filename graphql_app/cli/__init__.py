"""The ``segments`` command."""

from graphql_app.cli.app import main

__all__ = ["main"]
