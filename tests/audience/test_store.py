"""The store: limits and failures of statements, and erasure."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, union_all
from sqlmodel import col

from graphql_app.audience import facts
from graphql_app.audience.clickhouse_errors import AudienceUnavailableError
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact
from graphql_app.errors import AppError, ErrorCode
from tests.fact_tables import checked
from tests.processes import wait_until

Open = Callable[..., Audience]


@pytest.fixture
def contacts(audience: Audience) -> None:
    rows = checked(facts.CONTACTS, {"id": [*range(100)]})
    Recorder(audience).record(1, facts.CONTACTS, rows)


@pytest.mark.usefixtures("contacts")
def test_a_statement_that_takes_too_long_fails(open_audience: Open) -> None:
    limited = open_audience(timeout=0.3)
    with pytest.raises(AppError) as refused:
        limited.fetch_rows(select(func.sleepEachRow(0.02)).select_from(Contact), 1)
    assert refused.value.code is ErrorCode.TIMEOUT
    assert len(limited.fetch_rows(select(col(Contact.id)), 1)) == 100
    limited.close()


@pytest.mark.usefixtures("contacts")
def test_a_statement_that_needs_too_much_memory_fails(open_audience: Open) -> None:
    limited = open_audience(memory=8 * 1024**2)
    greedy = select(func.length(func.groupArray(func.randomString(1_000_000)))).select_from(Contact)
    with pytest.raises(AppError) as refused:
        limited.fetch_rows(greedy, 1)
    assert refused.value.code is ErrorCode.LIMIT_EXCEEDED
    assert len(limited.fetch_rows(select(col(Contact.id)), 1)) == 100
    limited.close()


def test_an_invalid_statement_fails(audience: Audience) -> None:
    with pytest.raises(AudienceUnavailableError, match="try again"):
        audience.fetch_rows(select(func.noSuchFunction(col(Contact.id))), 1)


@pytest.mark.usefixtures("contacts")
@pytest.mark.parametrize("way", ["fetch_rows", "fetch_table"])
def test_a_result_contains_nothing_of_a_failed_statement(open_audience: Open, way: str) -> None:
    alone = open_audience(connections=1)
    slowly = func.sleepEachRow(0.01) + func.throwIf(col(Contact.id) > 80)
    failing: Any = union_all(select(col(Contact.id)), select(slowly).select_from(Contact))
    ids = select(col(Contact.id), col(Contact.textable)).order_by(col(Contact.id))
    with pytest.raises(AppError):
        getattr(alone, way)(failing, 1)
    assert [row[0] for row in alone.fetch_rows(ids, 1)] == [*range(100)]
    with pytest.raises(AppError):
        getattr(alone, way)(failing, 1)
    assert alone.fetch_table(ids, 1)["id"].to_pylist() == [*range(100)]
    alone.close()


# The rows of a Memory table exist for as long as the engine runs.
QUIET = """
import sys
from sqlalchemy import func, select
from sqlmodel import col
from graphql_app.audience.clickhouse_errors import AudienceUnavailableError
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact
from graphql_app.audience.table_setup import create_tables

quiet = Audience("clickhousedb://?interface=chdb&path=" + sys.argv[1])
create_tables(quiet)
quiet.command("CREATE TABLE noted ENGINE = Memory AS SELECT 42 AS number")
for _ in range(3):
    try:
        quiet.fetch_rows(select(func.noSuchFunction(col(Contact.id))), 1)
    except AudienceUnavailableError:
        print("failed")
print(quiet.query_unfiltered("SELECT number FROM noted")["number"].to_pylist())
quiet.close()
"""


def test_the_engine_survives_a_failure_on_its_only_connection(tmp_path: Path) -> None:
    command = [sys.executable, "-c", QUIET, str(tmp_path / "audience")]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.splitlines() == ["failed"] * 3 + ["[42]"]


@pytest.mark.usefixtures("contacts")
def test_erased_rows_are_hidden_at_once_and_deleted_later(audience: Audience) -> None:
    recorder = Recorder(audience)
    recorder.forget(1, [*map(str, range(50))])
    assert len(audience.fetch_rows(select(col(Contact.id)), 1)) == 50
    # Recorded again; the erasure that is still running must not erase it.
    recorder.record(1, facts.CONTACTS, checked(facts.CONTACTS, {"id": [7]}))
    assert len(audience.fetch_rows(select(col(Contact.id)), 1)) == 51
    own = f"database = '{audience.database}'"
    erasing = f"SELECT count() FROM system.mutations WHERE {own} AND NOT is_done"
    wait_until(lambda: not audience.query_unfiltered(erasing)[0][0].as_py())
    on_disk = "SELECT count() FROM contacts SETTINGS apply_mutations_on_fly = 0"
    assert audience.query_unfiltered(on_disk)[0][0].as_py() == 51
    assert len(audience.fetch_rows(select(col(Contact.id)), 1)) == 51
