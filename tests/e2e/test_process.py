"""The server process: starting, stopping, being killed."""

import re
import signal
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from graphql_app.catalog.tokens import CACHE_SECONDS
from graphql_app.server import run
from graphql_app.settings import Settings
from tests.client import HTTP
from tests.docs.pages import ROOT, blocks
from tests.e2e import process
from tests.factories import contact


@pytest.fixture
def data(tmp_path: Path) -> Path:
    process.segments(tmp_path / "data", "shop", "create", "acme")
    return tmp_path / "data"


def generic(output: str) -> str:
    """Replace tokens and addresses, which differ from run to run."""
    return re.sub(r"http://127\.0\.0\.1:\d+", "ADDRESS", re.sub(r"seg_[\w.-]+", "TOKEN", output))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_stops_cleanly_on_a_signal(data: Path, number: signal.Signals) -> None:
    with process.server(data, program=process.SEGMENTS) as running:
        status, output = running.stop(number)
        assert status == 0
        assert "Traceback" not in output
        assert "Finished server process" in output
    with process.server(data):
        pass  # the first server released the directory and the port


def test_a_second_process_reports_that_the_directory_is_in_use(data: Path) -> None:
    with process.server(data) as running:
        output = process.segments(data, "serve", status=1, PORT="0")
        assert "Another process has the audience in" in output
        assert "AUDIENCE_URL" in output
        assert HTTP.get(f"{running.address}/health").json() == {"status": "ok"}


def test_a_port_in_use_is_an_error(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        output = process.segments(data, "serve", status=1, PORT=str(taken.getsockname()[1]))
    assert "address already in use" in output.lower()


def test_small_responses_are_sent_without_delay() -> None:
    with (
        run.listen(Settings(port=0, _env_file=None)) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_invalid_settings_are_named(data: Path) -> None:
    assert "PORT" in process.segments(data, "serve", status=1, PORT="http")
    for setting, value, message in (
        ("CATALOG_URL", "sqlite:////nowhere/at/all.db", "CATALOG_URL"),
        ("AUDIENCE_URL", "mysql://here", "AUDIENCE_URL"),
        ("CORS_ORIGINS", "shop.example", "CORS_ORIGINS: "),
        ("TRUSTED_DOCUMENTS", "/nowhere.json", "TRUSTED_DOCUMENTS: /nowhere.json cannot be read"),
    ):
        settings = {"PORT": "0", setting: value}
        assert message in process.segments(data, "serve", status=1, program=None, **settings)
    taken = data.parent / "a-file"
    taken.write_text("not a directory")
    for directory in (taken, taken / "below"):
        output = process.segments(directory, "serve", status=1, PORT="0")
        assert f"DATA_DIR: cannot create {directory}" in output


def test_tokens_can_be_created_and_revoked_while_the_server_runs(data: Path) -> None:
    with process.server(data) as running:
        token = process.token(data, "acme")
        assert running.client(token).ask("{ shop { handle } }") == {"shop": {"handle": "acme"}}
        process.segments(data, "token", "revoke", token.split("_")[1])
        time.sleep(CACHE_SECONDS)  # the server may have cached the token
        assert running.client(token).post("{ shop { handle } }").status_code == 401


def test_the_demo_shop_is_loaded_once_and_served(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with process.server(data, "demo", "--serve") as running:
        client = running.client(process.token(data, "demo"))
        shop = client.ask("{ shop { description contactCounts { contacts } } }")["shop"]
        assert shop["contactCounts"] == {"contacts": 4339}
        assert "generated" in shop["description"]
        assert "CC BY 4.0" in shop["description"]
        _, output = running.stop(signal.SIGTERM)
        printed = generic(output).splitlines()
        [shown] = [block.text for block in blocks(ROOT / "README.md") if block.language == "text"]
        for line in generic(shown).splitlines():
            assert any(each.startswith(line.removesuffix("...")) for each in printed), line
    with process.server(data, "demo", "--serve") as running:
        _, output = running.stop(signal.SIGTERM)
        assert "Loaded the demo shop" not in output


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_the_time_zone_of_the_process_changes_no_response(data: Path, zone: str) -> None:
    token = process.token(data, "acme")
    now = datetime.now(UTC)
    moments = [now - timedelta(minutes=1), now - timedelta(hours=23), now - timedelta(hours=25)]
    contacts = [contact(n, subscribedAt=moment.isoformat()) for n, moment in enumerate(moments)]
    with process.server(data, TZ=zone) as running:
        running.client(token).record("contactsUpsert", contacts)
        rule = {"subscribeDate": {"operator": "IN_LAST", "days": 1}}
        assert running.client(token).members(rule) == 2
        page = "query ($r: RuleInput!) { segmentMembers(rule: $r) { nodes { subscribedAt } } }"
        nodes = running.client(token).ask(page, r={"all": []})["segmentMembers"]["nodes"]
    shown = [datetime.fromisoformat(node["subscribedAt"]) for node in nodes]
    assert len(shown) == 3
    for time_shown, moment in zip(shown, moments, strict=True):
        assert abs(time_shown - moment) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "time", ["2024", "yesterday", "2024-05-01T09:58:12", "2024-05-01T09:58:12+14:60"]
)
def test_an_option_with_an_invalid_time_is_named_with_the_format(tmp_path: Path, time: str) -> None:
    arguments = ("import", "contacts.csv", "--shop", "acme", "--subscribed-at", time)
    output = process.segments(tmp_path, *arguments, status=2, COLUMNS="200")
    assert f"--subscribed-at: '{time}' must be an ISO 8601 time with an offset" in output
    assert "2024-05-01T09:58:12Z" in output


def test_the_notation_of_a_file_is_given_by_options(tmp_path: Path) -> None:
    process.segments(tmp_path / "data", "shop", "create", "acme")
    file = tmp_path / "contacts.csv"
    file.write_bytes("id;city;created_at\n1;K\u00f6ln;31.12.2024 23:00\n".encode("latin-1"))
    command = ("import", str(file), "--shop", "acme", "--date-format", "%d.%m.%Y %H:%M")
    options = ("--encoding", "latin-1", "--timezone", "Europe/Berlin")
    refused = process.segments(tmp_path / "data", *command, *options[2:], status=1, COLUMNS="200")
    assert "line 2 is not UTF-8" in refused
    refused = process.segments(tmp_path / "data", *command, *options[:2], status=1, COLUMNS="200")
    assert "created_at has no offset; name the zone of its times with --timezone" in refused
    assert "1 recorded" in process.segments(tmp_path / "data", *command, *options)
    mapped = ("--map", "first_name=city", "--dry-run", "--rest-to-properties")
    shown = process.segments(tmp_path / "data", *command, *options, *mapped)
    assert "The file would be imported as contacts.\nid -> id\ncity -> first_name\n" in shown
    assert '"first_name": "K\\u00f6ln"' in shown or '"first_name": "K\u00f6ln"' in shown
    for option, wrong, message in (
        ("--encoding", "latin-99", "'latin-99' is not an encoding"),
        ("--encoding", "base64", "'base64' is not an encoding"),
        ("--timezone", "Berlin", "'Berlin' is not a time zone"),
        ("--map", "city", "'city' must be a field, which is mapped once"),
    ):
        output = process.segments(
            tmp_path / "data", *command, option, wrong, status=2, COLUMNS="200"
        )
        assert message in output


def test_rows_about_unknown_people_are_reported(tmp_path: Path) -> None:
    process.segments(tmp_path / "data", "shop", "create", "acme")
    log = tmp_path / "texts.csv"
    log.write_text(
        "id,phone,sent_at\nSM1,+12125550100,2024-05-01T09:58:12Z\n"
        "SM2,+12125550101,2024-05-01T09:58:12Z\n"
    )
    command = ("import", str(log), "--shop", "acme")
    output = process.segments(tmp_path / "data", *command, COLUMNS="200")
    assert "texts: 2 recorded" in output
    assert "2 rows will count once the contacts are recorded" in output
    people = tmp_path / "contacts.csv"
    people.write_text("id,phone\nanna,+1 212 555 0100\nbob,+1 212 555 0101\n")
    process.segments(tmp_path / "data", "import", str(people), "--shop", "acme")
    assert "will count" not in process.segments(tmp_path / "data", *command, COLUMNS="200")


def test_the_number_of_bad_values_is_reported(tmp_path: Path) -> None:
    process.segments(tmp_path / "data", "shop", "create", "acme")
    file = tmp_path / "contacts.csv"
    for rows, words in (("1,x\n", "1 bad value."), ("1,x\n2,y\n", "2 bad values.")):
        file.write_text(f"id,country\n{rows}")
        output = process.segments(
            tmp_path / "data", "import", str(file), "--shop", "acme", status=1, COLUMNS="200"
        )
        assert f"Nothing was imported: {words}" in output
