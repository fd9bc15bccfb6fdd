"""Processes that run the ``segments`` command without the time that importing it takes.

A command imports what it runs on, which takes up to a second of CPU, and the tests start hundreds
of processes. These are forks of one process that has imported it already.
"""

import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

import pytest

from graphql_app.criteria.hooks import ENTRY_POINT_GROUP
from tests.processes import Fork

# Read at the import of the console.
PRINTING = {"NO_COLOR": "1", "COLUMNS": "200"}
# Not chdb: it starts threads, which a fork would not have.
MODULES = [
    "alembic.command",
    "clickhouse_connect.driver.httpclient",
    "graphql_app.audience.importers",
    "graphql_app.cli.config_check",
    "graphql_app.cli.export_file",
    "graphql_app.demo.load",
    "graphql_app.segments.export",
    "graphql_app.server.run",
    "pandas",  # pyarrow imports it with the first array
    "rich.progress",
    "pytest",  # the main module of the tests, which multiprocessing imports into each fork
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.protocols.http.httptools_impl",
]


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    criteria = {point.module for point in entry_points(group=ENTRY_POINT_GROUP)}
    context.set_forkserver_preload([*MODULES, *criteria])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PRINTING.items():
            patch.setenv(name, value)
        forkserver.ensure_running()
    return context


def start(arguments: Sequence[str], env: Mapping[str, str]) -> Fork:
    """Run the command in an environment."""
    return call(run_command, env, *arguments)


def call(function: Callable[..., object], env: Mapping[str, str], *args: str) -> Fork:
    """Call a function in an environment."""
    return Fork(_context(), _call, function, env, args)


def run_command(*arguments: str) -> None:
    sys.argv = ["segments", *arguments]
    import_module("graphql_app.cli").main()


def _call(function: Callable[..., object], env: Mapping[str, str], args: Sequence[str]) -> None:
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    random.seed()
    sys.path[1:1] = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    function(*args)
