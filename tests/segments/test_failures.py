"""A failing criterion is named in a coded error and does not affect anything else."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

import pytest
from anyio import CapacityLimiter

from graphql_app.audience.store import Audience
from graphql_app.criteria.hooks import ENTRY_POINT_GROUP
from graphql_app.plugin_discovery import register
from graphql_app.plugins import HOST, Plugin, Registry
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import SIZE, authorization, connect_tcp
from tests.factories import contacts
from tests.plugins import moody
from tests.plugins.moody import FAILING
from tests.processes import wait_until
from tests.schema.operations import CREATE, create
from tests.support import Client, Server, serving

MOODY = Plugin("moody", "moody-criteria", "1.0")

SPEND = {"spend": {"operator": "EQUALS", "amount": "0"}}
PAGE = "query ($rule: RuleInput!) { segmentMembers(rule: $rule) { totalCount nodes { id } } }"
SEGMENTS = """
{ segments(sortKey: NAME) { nodes { name problems { code message path } size { members } } } }
"""
SUGGEST = """
query ($search: String!) {
  fieldSuggestions(criterion: "moodySuggest", field: "country", search: $search) { value }
}
"""


@pytest.fixture(scope="module")
def with_moody() -> Registry:
    ours = {
        Plugin(point.name, HOST, ""): point.load()
        for point in entry_points(group=ENTRY_POINT_GROUP)
    }
    return register({**ours, MOODY: moody})


@pytest.fixture
def shop(server: Server, settings: Settings, with_moody: Registry) -> Iterator[Client]:
    """Return a shop with five contacts, one with a phone, on a server with both."""
    made = server.shop()
    services = replace(server.services, registry=with_moody)
    with serving(services, settings) as address:
        client = replace(server, address=address, services=services).client(made.shop)
        client.record("contactsUpsert", contacts(*range(1, 6)))
        yield client


def moods(name: str, count: int = 1) -> dict[str, Any]:
    return {f"moody{name}": {"operator": "IS", "count": count}}


def failed_at(*path: str | int) -> dict[str, Any]:
    return {"code": "CRITERION_FAILED", "path": ["rule", *path]}


def call(shop: Client, phone: str) -> None:
    """Set the first contact's phone, which moody SQL converts to a number."""
    shop.record("contactsUpsert", contacts(1, phone=phone))


@pytest.mark.parametrize(
    ("failing", "label"),
    [
        (moods("Sql"), "Moody SQL"),
        (moods("Python", FAILING), "Moody Python"),
        (moods("Python", FAILING + 1), "Moody Python"),
        (moods("Words", FAILING), "Moody words"),
        (moods("Check", FAILING), "Moody check"),
    ],
    ids=["the engine", "an exception", "an exit", "a sentence", "a check"],
)
def test_the_error_of_a_size_names_the_failing_criterion(
    shop: Client, failing: dict[str, Any], label: str, caplog: pytest.LogCaptureFixture
) -> None:
    call(shop, "person-of-interest")
    (key,) = failing
    rule = {"any": [SPEND, moods("Steady", 2), {"not": failing}]}
    answer = shop.post(SIZE, {"rule": rule}).json()
    assert answer["data"] is None
    [error] = answer["errors"]
    assert error["extensions"] == failed_at("any", 2, "not", key)
    assert f'"{label}" ({key}) of moody-criteria 1.0' in error["message"]
    assert "person-of-interest" not in caplog.text + answer["errors"][0]["message"]
    assert key in caplog.text
    assert shop.members({"any": [SPEND, moods("Steady", 2)]}) == 5


def test_the_log_names_the_failure_without_values(
    shop: Client, caplog: pytest.LogCaptureFixture
) -> None:
    shop.errors(SIZE, rule=moods("Python", FAILING))
    assert "ZeroDivisionError" in caplog.text
    assert "moody.py" in caplog.text
    assert f"the number was {FAILING}" not in caplog.text
    caplog.set_level(logging.DEBUG)  # an earlier test may have begun the outage
    call(shop, "person-of-interest")
    shop.errors(SIZE, rule=moods("Sql"))
    assert "CANNOT_PARSE_TEXT" in caplog.text
    assert "person-of-interest" not in caplog.text


def test_a_criterion_that_fails_for_some_rows_works_again_without_them(shop: Client) -> None:
    assert shop.members(moods("Sql")) == 0
    call(shop, "nobody")
    [error] = shop.errors(SIZE, rule=moods("Sql"))
    assert error["extensions"]["code"] == "CRITERION_FAILED"
    call(shop, "+12125550100")
    assert shop.members(moods("Sql")) == 1


def test_errors_of_pages_and_counts_name_the_criterion(shop: Client) -> None:
    call(shop, "nobody")
    rule = {"all": [SPEND, moods("Sql")]}
    [error] = shop.errors(PAGE, rule=rule)
    assert error["extensions"] == failed_at("all", 1, "moodySql")


def test_other_fields_of_a_request_succeed(shop: Client) -> None:
    call(shop, "nobody")
    create(shop, "Bad", moods("Sql"))
    create(shop, "Good", moods("Steady", 2))
    answer = shop.post(SEGMENTS).json()
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "CRITERION_FAILED"
    sizes = {node["name"]: node["size"] for node in answer["data"]["segments"]["nodes"]}
    assert sizes.pop("Bad") is None
    assert sizes.pop("Good") == {"members": 4}
    assert sizes
    assert None not in sizes.values()


def test_a_rule_whose_check_or_sentence_fails_is_refused_with_its_path(shop: Client) -> None:
    for name in ("Check", "Words"):
        given = {"name": name, "rule": {"all": [SPEND, moods(name, FAILING)]}}
        payload = shop.ask(CREATE, input=given)["segmentCreate"]
        assert payload["segment"] is None
        [error] = payload["userErrors"]
        assert error["code"] == "CRITERION_FAILED"
        assert error["path"] == ["input", "rule", "all", "1", f"moody{name}"]
        assert "moody-criteria 1.0" in error["message"]


def test_a_contacts_segments_leave_out_segments_that_fail(shop: Client) -> None:
    call(shop, "nobody")
    rules = {
        "A": moods("Steady", 1),
        "B": moods("Sql"),
        "C": {"not": moods("Python", FAILING)},
        "D": {"all": []},
        "E": {"any": [SPEND, moods("Sql", 2)]},
        "F": {"all": [SPEND, moods("Words", 1)]},
    }
    ids = {name: create(shop, name, rule)["id"] for name, rule in rules.items()}
    page = "{ segmentMembers(rule: { all: [] }) { nodes { id segments { name } } } }"
    first, second, *_ = shop.ask(page)["segmentMembers"]["nodes"]
    assert [found["name"] for found in first["segments"]] == ["A", "D", "F"]
    assert [found["name"] for found in second["segments"]] == ["A", "D", "E", "F"]

    contains = "query ($id: ID!, $who: ID!) { segment(id: $id) { contains(contactId: $who) } }"
    [error] = shop.errors(contains, id=ids["B"], who=first["id"])
    assert error["extensions"] == failed_at("moodySql")
    found = shop.ask(contains, id=ids["E"], who=second["id"])
    assert found == {"segment": {"contains": True}}


def test_a_failure_in_a_referenced_segment_has_the_path_of_the_reference(shop: Client) -> None:
    call(shop, "nobody")
    inner = create(shop, "Inner", moods("Sql"))
    reference = {"inSegment": {"operator": "IS", "segment": inner["id"]}}
    [error] = shop.errors(SIZE, rule={"all": [SPEND, reference]})
    assert error["extensions"] == failed_at("all", 1, "inSegment")


@pytest.mark.parametrize("search", ["", "python"])
def test_the_error_of_suggestions_names_the_criterion(shop: Client, search: str) -> None:
    shop.record("contactsUpsert", contacts(1, country="US"))
    [error] = shop.errors(SUGGEST, search=search)
    assert error["extensions"]["code"] == "CRITERION_FAILED"
    assert '"Moody suggestions" (moodySuggest) of moody-criteria 1.0' in error["message"]
    assert {"value": "US"} in shop.ask(SUGGEST, search="U")["fieldSuggestions"]


def test_templates_work_without_suggestions_that_fail(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1, country="DE"))
    found = shop.ask("{ segmentTemplates { key rule } }")["segmentTemplates"]
    rules = {template["key"]: template["rule"] for template in found}
    assert rules["moody-country"] == {"moodySuggest": {"operator": "IS", "country": "US"}}
    assert "moody-words" not in rules
    assert "vips" in rules


@pytest.fixture
def hurried(
    server: Server, settings: Settings, with_moody: Registry, shop: Client
) -> Iterator[Client]:
    """Serve the shop with four workers and a statement timeout of one second."""
    audience = Audience(settings.audience, timeout=1)
    services = replace(
        server.services, audience=audience, registry=with_moody, workers=CapacityLimiter(4)
    )
    with serving(services, settings) as address:
        yield replace(server, address=address, services=services).client(shop.shop)
    audience.close()


def slow_statements(services: Services) -> int:
    found = services.audience.query_unfiltered(
        "SELECT count() AS n FROM system.processes "
        "WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%system.processes%'"
    )
    count: int = found["n"][0].as_py()
    return count


def test_slow_criteria_only_delay_each_other(hurried: Client, services: Services) -> None:
    """Without a limit, eight slow requests would occupy all four workers."""
    with ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(hurried.errors, SIZE, rule=moods("Time", n)) for n in range(8)]
        wait_until(lambda: slow_statements(services) == 2)
        for _ in range(5):
            assert hurried.members(SPEND) == 5
        assert sum(request.done() for request in slow) < 4
        wait(slow)
    for request in slow:
        [error] = request.result()
        assert error["extensions"]["code"] == "TIMEOUT"
        assert error["message"].endswith(
            'It used third-party criteria: "Moody time" (moodyTime) of moody-criteria 1.0.'
        )


def test_concurrent_identical_requests_share_one_statement(
    hurried: Client, services: Services
) -> None:
    with ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(hurried.errors, SIZE, rule=moods("Time")) for _ in range(8)]
        wait_until(lambda: slow_statements(services) > 0)
        found = set()
        while not all(request.done() for request in slow):
            found.add(slow_statements(services))
            time.sleep(0.05)
    assert max(found) == 1
    assert {request.result()[0]["extensions"]["code"] for request in slow} == {"TIMEOUT"}


def test_work_stops_when_its_client_disconnects(shop: Client, services: Services) -> None:
    slow = {"all": [moods("Time", number) for number in range(1, 6)]}  # one after another
    body = {"query": SIZE, "variables": {"rule": slow}}
    request = shop.http.build_request(
        "POST", f"{shop.address}/graphql", headers=authorization(shop.token), json=body
    )
    head = [f"{name}: {value}" for name, value in request.headers.items()]
    with connect_tcp(shop.address) as connection:
        lines = "\r\n".join(["POST /graphql HTTP/1.1", *head, "", ""])
        connection.sendall(lines.encode() + request.content)
        wait_until(lambda: slow_statements(services) > 0)
    wait_until(lambda: slow_statements(services) == 0)
    for _ in range(40):
        assert slow_statements(services) == 0
        time.sleep(0.01)


def test_a_slow_criterion_does_not_hide_a_contacts_other_segments(hurried: Client) -> None:
    slow = {"all": [moods("Time", number) for number in range(1, 6)]}
    create(hurried, "Slow", slow)
    create(hurried, "Quick", SPEND)
    page = "{ segmentMembers(rule: { all: [] }, first: 1) { nodes { segments { name } } } }"
    [node] = hurried.ask(page)["segmentMembers"]["nodes"]
    assert [segment["name"] for segment in node["segments"]] == ["Quick"]
