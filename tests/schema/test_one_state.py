"""One answer describes one state of the facts, while somebody changes them all the time."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from graphql_app.audience.facts import CONTACTS
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.write_lock import LocalWriteLocks
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import open_http
from tests.fact_tables import checked
from tests.factories import AT, contact
from tests.schema.operations import create
from tests.support import Client, Server, serving

READERS = 3
HOT = {"tag": {"operator": "ANY_OF", "tags": ["hot"]}}
PEOPLE = [str(number) for number in range(1, 13)]
ALL = "{ segmentMembers(rule: { all: [] }, first: 40) { nodes { id } } }"
COUNTED_LIST = """
query ($rule: RuleInput!) {
  segmentMembers(rule: $rule, first: 40) { totalCount nodes { sourceId tags } }
}
"""
UPDATE = """
mutation ($id: ID!) {
  segmentUpdate(id: $id, input: { description: "again" }) {
    segment {
      version
      size { members textable }
      members(first: 40) { totalCount nodes { tags } }
    }
    userErrors { message }
  }
}
"""

# Everything that counts or lists contacts, in one operation.
EVERYTHING = """
query ($rule: RuleInput!, $segment: ID!, $ids: [ID!]!, $contact: ID!) {
  segmentMembers(rule: $rule, first: 40) {
    totalCount
    nodes { sourceId tags }
    edges { node { sourceId } explanation { isMember parts { matches } } }
  }
  segmentSize(rule: $rule) { members textable contacts parts { members } }
  cold: segmentSize(rule: { not: { tag: { operator: ANY_OF, tags: ["hot"] } } }) { members }
  segment(id: $segment) {
    size { members }
    members(last: 40) { totalCount nodes { sourceId } }
    contains(contactId: $contact)
  }
  segments(first: 9, search: "hot") { nodes { size { members } } }
  nodes(ids: $ids) { ... on Contact { sourceId tags } }
  contact(id: $contact) { tags segments { name } }
  membershipExplanation(rule: $rule, contactId: $contact) { isMember }
  shop { contactCounts { textable } }
}
"""


def _disagreements(answer: dict[str, Any]) -> list[str]:
    """Return which parts of an answer differ from its list of members."""
    members = answer["segmentMembers"]
    listed = {node["sourceId"] for node in members["nodes"]}
    hot = len(listed)
    size, segment, contact = answer["segmentSize"], answer["segment"], answer["contact"]
    nodes = {node["sourceId"] for node in answer["nodes"] if "hot" in node["tags"]}
    said = {
        "totalCount": members["totalCount"] == hot,
        "nodes": all(node["tags"] == ["hot"] for node in members["nodes"]),
        "explanations": all(
            edge["explanation"]["isMember"] and edge["explanation"]["parts"][0]["matches"]
            for edge in members["edges"]
        ),
        "size": size["members"] == hot and size["parts"][0]["members"] == hot,
        "textable": size["textable"] == hot == answer["shop"]["contactCounts"]["textable"],
        "complement": answer["cold"]["members"] == size["contacts"] - hot,
        "segment": segment["size"]["members"] == segment["members"]["totalCount"] == hot,
        "segment's members": {node["sourceId"] for node in segment["members"]["nodes"]} == listed,
        "segments": [node["size"]["members"] for node in answer["segments"]["nodes"]] == [hot] * 2,
        "nodes of ids": nodes == listed & {"1", "2", "3"},
        "contains": segment["contains"] == ("1" in listed) == ("hot" in contact["tags"]),
        "contact's segments": ("hot one" in [s["name"] for s in contact["segments"]])
        == ("1" in listed)
        == answer["membershipExplanation"]["isMember"],
    }
    return [name for name, agrees in said.items() if not agrees]


def _people(number: int) -> list[dict[str, Any]]:
    """Return all contacts; who is hot, and can be texted, depends on the number.

    From one number to the next, the first contacts and how many are hot change.
    """
    first = number % 2
    hot = PEOPLE[first : first + number % 5]
    return [
        contact(
            id,
            tags=["hot"] if id in hot else ["cold"],
            phone="+12015550123",
            subscribedAt=AT if id in hot else None,
        )
        for id in PEOPLE
    ]


@contextmanager
def _writing(write: Callable[[int], None]) -> Iterator[Callable[[], int]]:
    """Write all the time, in a thread; yield a function that returns how often."""
    ended, writes, failures = threading.Event(), [0], list[BaseException]()

    def run() -> None:
        try:
            while not ended.is_set():
                writes[0] += 1
                write(writes[0])
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lambda: writes[0]
    finally:
        ended.set()
        thread.join()
    assert not failures


def _read(shop: Client, operation: str, variables: Mapping[str, Any], count: int) -> list[Any]:
    """Return the answers to clients that ask at the same time, at least ``count``.

    While the facts have not changed between them, there may be twenty times as many.
    """
    answers: list[Any] = []
    different: set[str] = set()

    def run() -> None:
        with open_http() as http:
            client = replace(shop, http=http)
            while len(answers) < count or (len(different) == 1 and len(answers) < 20 * count):
                response = client.post(operation, variables)
                different.add(response.text)
                answers.append(response.json())

    threads = [threading.Thread(target=run) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["errors"] for answer in answers if "errors" in answer] == []
    return [answer["data"] for answer in answers]


def _prepare(shop: Client) -> dict[str, Any]:
    """Record contacts and save two segments; return the variables of ``EVERYTHING``."""
    shop.record("contactsUpsert", _people(0))
    create(shop, "hot two", HOT)
    ids = [node["id"] for node in shop.ask(ALL)["segmentMembers"]["nodes"]]
    segment = create(shop, "hot one", HOT)["id"]
    return {"rule": HOT, "segment": segment, "ids": ids[:3], "contact": ids[0]}


@contextmanager
def _changing(shop: Client) -> Iterator[None]:
    """Change the contacts through the API all the time."""
    with open_http() as http:
        client = replace(shop, http=http)
        with _writing(lambda number: client.record("contactsUpsert", _people(number))) as writes:
            yield
            assert writes() > 2


def _check_lists(answers: list[Any]) -> None:
    for answer in answers:
        found = answer["segmentMembers"]
        assert found["totalCount"] == len(found["nodes"])
        assert all(node["tags"] == ["hot"] for node in found["nodes"])
    assert len({answer["segmentMembers"]["totalCount"] for answer in answers}) > 1


@pytest.fixture(params=["index", "statements"])
def shop(
    request: pytest.FixtureRequest, server: Server, services: Services, settings: Settings
) -> Iterator[Client]:
    """Return a shop whose server answers from the size index, and one whose server cannot."""
    index_bytes = services.index_bytes if request.param == "index" else 0
    with serving(replace(services, index_bytes=index_bytes), settings) as address:
        yield replace(server.shop(), address=address)


def test_a_list_and_its_count_agree_while_a_client_writes(shop: Client) -> None:
    _prepare(shop)
    with _changing(shop):
        _check_lists(_read(shop, COUNTED_LIST, {"rule": HOT}, count=20))


def test_all_fields_of_a_query_agree_while_a_client_writes(shop: Client) -> None:
    variables = _prepare(shop)
    with _changing(shop):
        answers = _read(shop, EVERYTHING, variables, count=4)
    found = [_disagreements(answer) for answer in answers]
    assert [each for each in found if each] == []


def test_a_mutation_runs_once_and_its_payload_agrees_while_a_client_writes(shop: Client) -> None:
    segment = _prepare(shop)["segment"]
    with _changing(shop):
        answers = _read(shop, UPDATE, {"id": segment}, count=20)
    versions = []
    for answer in answers:
        found = answer["segmentUpdate"]["segment"]
        listed = found["members"]["nodes"]
        assert all(node["tags"] == ["hot"] for node in listed)
        counts = {found["size"]["members"], found["size"]["textable"]}
        assert counts == {found["members"]["totalCount"]} == {len(listed)}
        versions.append(found["version"])
    assert sorted(versions) == [*range(2, len(answers) + 2)]


@pytest.mark.parametrize("store", ["http"])
def test_a_list_and_its_count_agree_while_another_process_writes(
    server: Server, services: Services, settings: Settings, audience: Audience
) -> None:
    locks = LocalWriteLocks()  # stands for the locks that processes share
    ours, theirs = Recorder(audience, locks), Recorder(audience, locks)
    for recorder in (ours, theirs):
        recorder.recover()
    own = replace(services, audience=audience, recorder=ours)
    with serving(own, settings) as address:
        shop = replace(server.shop(), address=address)
        _prepare(shop)

        def write(number: int) -> None:
            columns = {
                name: [person[name] for person in _people(number)]
                for name in ("id", "tags", "phone")
            }
            theirs.record(shop.shop_id, CONTACTS, checked(CONTACTS, columns))

        with _writing(write) as writes:
            _check_lists(_read(shop, COUNTED_LIST, {"rule": HOT}, count=40))
        assert writes() > 2
