"""A test's server with its catalog on SQLite and on PostgreSQL.

A module whose tests run on both says ``server = on_both``.
"""

import pytest

from tests.support import Server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def on_both(request: pytest.FixtureRequest, server: Server) -> Server:
    if request.param == "sqlite":
        return server
    found: Server = request.getfixturevalue("server_on_postgresql")
    return found
