"""The DDL of the tables, on one server and on a cluster."""

import logging
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from graphql_app.audience.clickhouse_errors import AudienceUnavailableError
from graphql_app.audience.ddl import TableLayout
from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import create_tables
from graphql_app.audience.tables import TABLES, JournalEntry, StoreTable
from graphql_app.cli.app import app
from graphql_app.errors import AppError
from graphql_app.runtime.services import Services
from tests.plugins.reviews import Review

EVERY: tuple[type[StoreTable], ...] = (*TABLES, Review, JournalEntry)
SPREAD = ("contacts", "orders", "order_lines", "texts", "keywords", "events", Review.__tablename__)
CLUSTER = TableLayout("facts", "shops")


@pytest.fixture(params=["embedded"])
def store(request: pytest.FixtureRequest) -> str:
    """Return the embedded engine, unless a test chooses another one."""
    kind: str = request.param
    return kind


def _statements(layout: TableLayout) -> list[str]:
    return [
        layout.create_database_sql(),
        *(statement for table in EVERY for statement in layout.create_table_sql(table)),
        *(statement for table in TABLES for statement in layout.alter_table_sql(table)),
        *layout.create_change_feed_sql(),
    ]


@pytest.mark.parametrize("layout", [TableLayout("facts"), CLUSTER])
def test_the_engine_can_parse_every_statement(services: Services, layout: TableLayout) -> None:
    for statement in _statements(layout):
        quoted = statement.replace("\\", "\\\\").replace("'", "\\'")
        sql = f"SELECT formatQuerySingleLine('{quoted}') AS query"
        assert services.audience.query_unfiltered(sql)["query"][0].as_py()


def test_tables_of_contacts_are_sharded_by_contact_and_replicated_within_a_shard() -> None:
    made = _statements(CLUSTER)
    for name in SPREAD:
        local = next(each for each in made if each.startswith(_create(f"{name}_local")))
        assert f"'/clickhouse/tables/{{shard}}/facts/{name}', '{{replica}}', version)" in local
        everywhere = next(each for each in made if each.startswith(_create(name)))
        contact = "id" if name == "contacts" else "contact_id"
        shard = f"cityHash64(shop_id, {contact})"
        assert everywhere.endswith(f"Distributed('shops', 'facts', '{name}_local', {shard})")
    assert all(" ON CLUSTER shops" in statement for statement in made)


def test_other_tables_are_replicated_to_every_node() -> None:
    made = _statements(CLUSTER)
    for name in ("products", "journal", "feed"):
        (only,) = (each for each in made if each.startswith(_create(name)))
        assert f"MergeTree('/clickhouse/tables/facts/{name}', '{{shard}}-{{replica}}'" in only


def _create(name: str) -> str:
    return f"CREATE TABLE IF NOT EXISTS `{name}` ON CLUSTER shops ("


def test_the_command_prints_the_ddl_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIENCE_URL", "clickhousedb://nobody@127.0.0.1:1/facts")
    monkeypatch.setenv("AUDIENCE_CLUSTER", "shops")
    printed = CliRunner().invoke(app, ["audience", "schema", "--print"])
    assert printed.exit_code == 0, printed.output
    lines = printed.output.splitlines()
    for table in TABLES:
        for statement in (*CLUSTER.create_table_sql(table), *CLUSTER.alter_table_sql(table)):
            assert f"{statement};" in lines


def test_the_engine_can_parse_statements_on_a_cluster(
    audience: Audience, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a keeper, the engine refuses to execute them."""
    audience.layout = TableLayout(audience.database, "nowhere")
    changes: list[Callable[[], None]] = [
        lambda: audience.erase("contacts", 1, [1]),
        lambda: audience.merge_parts("orders", 1),
        lambda: audience.kill_statements("nothing"),
    ]
    caplog.set_level(logging.DEBUG)  # later failures of an outage
    for change in changes:
        caplog.clear()
        with pytest.raises(AppError):
            change()
        assert "QUERY_IS_PROHIBITED" in caplog.text


def test_an_unknown_cluster_is_refused(audience: Audience) -> None:
    audience.layout = TableLayout(audience.database, "nowhere")
    with pytest.raises(AudienceUnavailableError, match="the server knows no cluster named nowhere"):
        create_tables(audience)


@pytest.mark.parametrize("store", ["cluster"], indirect=True)
def test_a_table_that_is_not_sharded_is_refused_on_a_cluster(
    audience: Audience, open_audience: Callable[..., Audience]
) -> None:
    audience.command("DROP TABLE events")
    audience.command("CREATE TABLE events ENGINE = Memory AS SELECT 1 AS one")
    again = open_audience()
    with pytest.raises(AudienceUnavailableError, match="events with the engine Memory"):
        create_tables(again)
    again.close()
