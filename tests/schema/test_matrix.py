"""Every root field with every set of scopes and own, another shop's and missing ids.

A denied request has no effect. Another shop's ids behave like ids that do not exist: the response
is the same to the byte, and the stores execute the same statements.

This module is long because of the list of root fields and their arguments.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain, combinations
from operator import itemgetter
from typing import Any

import httpx
import pytest
from graphql import GraphQLSchema, get_named_type, is_input_object_type, is_object_type
from graphql import build_schema as parse_schema
from sqlalchemy import event, select

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import CatalogTable
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.ids import CONTACT, SEGMENT, encode
from graphql_app.runtime.services import Services
from graphql_app.schema.build import build_schema
from graphql_app.settings import Settings
from tests import factories
from tests.client import open_http, streaming
from tests.conftest import create_database, opened_tables
from tests.schema.roots import MUTATIONS, NEEDS, QUERIES, SUBSCRIPTIONS, Shop
from tests.support import Client, Server, serving

SETS = [
    frozenset(scopes)
    for scopes in chain.from_iterable(combinations(TokenScope, size) for size in range(5))
]
ROUTE_NEEDS = {"segments:read", "contacts:read"}
AT = "2024-05-01T00:00:00Z"
ORDER = f'orderedAt: "{AT}", total: "1"'
IN_SEGMENT = 'rule: {inSegment: {operator: IS, segment: "SEGMENT"}}'
NAMED = "mutation {{ {} {{ segment {{ name }} userErrors {{ code message path }} }} }}"
SENT, RECEIVED, OCCURRED = f'sentAt: "{AT}"', f'receivedAt: "{AT}"', f'occurredAt: "{AT}"'


def _recording(mutation: str) -> list[str]:
    return [f"mutation {{ {mutation} {{ recorded userErrors {{ code message path }} }} }}"]


# An operation for each argument that takes an id: SEGMENT, CONTACT, or SOURCE for a contact's
# and ORDER for an order's id in the source system; MINE is the shop's own segment.
OPERATIONS: Mapping[tuple[str, str], Sequence[str]] = {
    ("Query.node", "id"): ['{ node(id: "SEGMENT") { id } }', '{ node(id: "CONTACT") { id } }'],
    ("Query.nodes", "ids"): ['{ nodes(ids: ["SEGMENT", "CONTACT", "MINE"]) { id } }'],
    ("Query.segment", "id"): ['{ segment(id: "SEGMENT") { name size { members } } }'],
    ("Query.contact", "id"): ['{ contact(id: "CONTACT") { email segments { name } } }'],
    ("Query.membershipExplanation", "contactId"): [
        '{ membershipExplanation(rule: {all: []}, contactId: "CONTACT") { isMember } }'
    ],
    ("Segment.contains", "contactId"): [
        '{ segment(id: "MINE") { contains(contactId: "CONTACT") } }'
    ],
    ("Mutation.segmentUpdate", "id"): [
        NAMED.format('segmentUpdate(id: "SEGMENT", input: {name: "Renamed"})')
    ],
    ("Mutation.segmentDelete", "id"): [
        'mutation { segmentDelete(id: "SEGMENT") { deletedId userErrors { code message path } } }'
    ],
    ("Mutation.segmentDuplicate", "id"): [NAMED.format('segmentDuplicate(id: "SEGMENT")')],
    ("Mutation.segmentArchive", "id"): [NAMED.format('segmentArchive(id: "SEGMENT")')],
    ("Mutation.segmentUnarchive", "id"): [NAMED.format('segmentUnarchive(id: "SEGMENT")')],
    ("InSegmentCriterionInput", "segment"): [
        f"{{ segmentSize({IN_SEGMENT}) {{ members }} }}",
        f"{{ segmentMembers({IN_SEGMENT}) {{ totalCount }} }}",
        f'{{ membershipExplanation({IN_SEGMENT}, contactId: "CONTACT") {{ isMember }} }}',
        NAMED.format(f'segmentCreate(input: {{name: "New", {IN_SEGMENT}}})'),
        NAMED.format(f'segmentUpdate(id: "MINE", input: {{{IN_SEGMENT}}})'),
        '{ fieldLabels(criterion: "inSegment", field: "segment", values: ["SEGMENT"]) { label } }',
    ],
    ("Mutation.contactsMerge", "from"): _recording(
        'contactsMerge(from: "SOURCE", into: "of SOURCE")'
    ),
    ("Mutation.contactsMerge", "into"): _recording(
        'contactsMerge(from: "of SOURCE", into: "SOURCE")'
    ),
    ("Mutation.contactsForget", "ids"): _recording('contactsForget(ids: ["SOURCE"])'),
    ("ContactInput", "id"): _recording('contactsUpsert(contacts: [{id: "SOURCE"}])'),
    ("ContactPatchInput", "id"): _recording(
        'contactsPatch(contacts: [{id: "SOURCE", city: "Bern"}])'
    ),
    ("OrderInput", "id"): _recording(
        f'ordersUpsert(orders: [{{id: "ORDER", contactId: "9", {ORDER}}}])'
    ),
    ("OrderInput", "contactId"): _recording(
        f'ordersUpsert(orders: [{{id: "9", contactId: "SOURCE", {ORDER}}}])'
    ),
    ("TextInput", "id"): _recording(
        f'textsRecord(texts: [{{id: "ORDER", contactId: "9", {SENT}}}])'
    ),
    ("TextInput", "contactId"): _recording(
        f'textsRecord(texts: [{{id: "9", contactId: "SOURCE", {SENT}}}])'
    ),
    ("KeywordInput", "contactId"): _recording(
        f'keywordsRecord(keywords: [{{contactId: "SOURCE", keyword: "a", {RECEIVED}}}])'
    ),
    ("EventInput", "id"): _recording(
        f'eventsRecord(events: [{{id: "ORDER", contactId: "9", name: "a", {OCCURRED}}}])'
    ),
    ("EventInput", "contactId"): _recording(
        f'eventsRecord(events: [{{id: "9", contactId: "SOURCE", name: "a", {OCCURRED}}}])'
    ),
}
ROUTES = ["/segments/SEGMENT/members.csv", "/segments/SEGMENT/members.ndjson"]


@dataclass(frozen=True)
class Ids:
    """The ids of a shop's objects, or ids that do not exist."""

    segment: str
    contact: str
    source: str
    order: str

    def put(self, text: str, mine: str) -> str:
        """Return an operation with these ids."""
        for placeholder, id in self._placeholders():
            text = text.replace(placeholder, id)
        return text.replace("MINE", mine)

    def taken_out(self, text: str) -> str:
        """Return a response without these ids."""
        for placeholder, id in self._placeholders():
            text = re.sub(rf"\b{re.escape(id)}\b", placeholder, text)
        return text

    def _placeholders(self) -> Iterator[tuple[str, str]]:
        yield "SEGMENT", self.segment
        yield "CONTACT", self.contact
        yield "SOURCE", self.source
        yield "ORDER", self.order


NONE = [
    Ids(encode(SEGMENT, 2**31 - 1 - n), encode(CONTACT, 10**9 + n), str(10**9 + n), str(10**9 + n))
    for n in range(2)
]


class Watch:
    """Statements that the stores execute, without values and without occasional token lookups."""

    def __init__(self, services: Services, patch: pytest.MonkeyPatch) -> None:
        self._services = services
        self._seen: list[str] = []
        for name in ("fetch_rows", "fetch_table", "query_unfiltered", "insert", "erase", "command"):
            patch.setattr(Audience, name, self._watched(getattr(Audience, name)))

    def _watched(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def watched(audience: Audience, statement: Any, *args: Any, **options: Any) -> Any:
            sql = statement if isinstance(statement, str) else audience.render(statement).text
            self._seen.append(f"{method.__name__} {re.sub('[0-9]+', '0', sql)}")
            return method(audience, statement, *args, **options)

        return watched

    def _catalog(self, *args: Any) -> None:
        statement: str = args[2]
        if "api_token" not in statement and not statement.startswith("BEGIN"):
            self._seen.append(statement)

    @contextmanager
    def watching(self) -> Iterator[list[str]]:
        """Record the statements that the stores execute in the block."""
        catalog = self._services.catalog
        engines = {catalog.engine, catalog.writer}
        for engine in engines:
            event.listen(engine, "before_cursor_execute", self._catalog)
        seen: list[str] = []
        self._seen = seen
        try:
            yield seen
        finally:
            for engine in engines:
                event.remove(engine, "before_cursor_execute", self._catalog)


@dataclass(frozen=True)
class Two:
    """Two shops with everything in them, and a token of the first one for every set of scopes."""

    shop: Shop
    services: Services
    own: Ids
    other: Ids
    tokens: Mapping[frozenset[TokenScope], Client]

    @property
    def everything(self) -> Client:
        return self.tokens[frozenset(TokenScope)]

    def dump(self) -> Any:
        """Return all rows of the catalog, and for each table of facts their number and a sum."""
        with self.services.catalog.read() as session:
            catalog = {
                table.name: sorted(map(repr, session.connection().execute(select(table)).all()))
                for table in CatalogTable.metadata.sorted_tables
            }
        names = [table.__tablename__ for table in self.services.audience.tables]
        facts = self.services.audience.query_unfiltered(
            " UNION ALL ".join(
                f"SELECT '{name}' AS name, count() AS rows, "
                f"sum(cityHash64(toString(tuple(*)))) AS sum FROM {name} FINAL"
                for name in [*names, "journal"]
            )
        )
        return catalog, sorted(facts.to_pylist(), key=itemgetter("name"))


def _filled(server: Server, number: int) -> tuple[Shop, Ids]:
    """Create a shop with a segment and one fact of each kind, whose values have a number."""
    shop = Shop(server)
    source = str(1_000 + number)
    record = shop.client.record
    record("contactsUpsert", [factories.contact(source, city="Secretville", tags=["secret"])])
    line = {"productId": f"secret-{number}", "title": "Secret"}
    record("ordersUpsert", [factories.order(source, total="5", lines=[line])])
    record("textsRecord", [factories.text(source)])
    record("keywordsRecord", [factories.keyword(source, "secret")])
    record("eventsRecord", [factories.event(source, name="secret", secret="secret")])
    return shop, Ids(shop.segment, encode(CONTACT, int(source)), source, source)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(
    request: pytest.FixtureRequest,
    services: Services,
    settings: Settings,
    open_database: Callable[[str], AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """Serve stores without the shops of other tests, since the tests compare all of their rows."""
    if request.param == "sqlite":
        catalog_url = f"sqlite:///{tmp_path_factory.mktemp('catalog') / 'catalog.sqlite3'}"
    else:
        catalog_url = create_database(request.getfixturevalue("postgres"), "matrix")
    with (
        open_database("embedded") as audience_url,
        opened_tables("embedded", audience_url) as audience,
        closing(Catalog(catalog_url)) as catalog,
    ):
        migrate(catalog)
        own = replace(services, audience=audience, recorder=Recorder(audience), catalog=catalog)
        with serving(own, settings) as address, open_http() as http:
            yield Server(address, own, http)


@pytest.fixture(scope="module")
def two(server: Server) -> Two:
    """Return two shops; tests of this module only change the first one."""
    (shop, own), (_, other) = _filled(server, 1), _filled(server, 2)
    tokens = {scopes: shop.having(*scopes) for scopes in SETS}
    return Two(shop, server.services, own, other, tokens)


@pytest.fixture
def watch(two: Two, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(two.services, monkeypatch)


@pytest.fixture(scope="module")
def schema(server: Server) -> GraphQLSchema:
    return parse_schema(build_schema(server.services.registry).as_str())


def seen(response: httpx.Response, ids: Ids) -> Any:
    """Return what a client sees of a response, without the ids it sent and the time."""
    headers = {
        name: value
        for name, value in response.headers.items()
        if name not in {"date", "x-request-id", "content-length"}
    }
    return response.status_code, headers, ids.taken_out(response.text)


def test_every_argument_that_takes_an_id_is_tested_here(schema: GraphQLSchema) -> None:
    found = set()
    for kind in schema.type_map.values():
        if kind.name.startswith("__"):
            continue
        if is_object_type(kind):
            found |= {
                (f"{kind.name}.{name}", argument)
                for name, field in kind.fields.items()
                for argument, given in field.args.items()
                if get_named_type(given.type).name == "ID"
            }
        elif is_input_object_type(kind):
            found |= {
                (kind.name, name)
                for name, field in kind.fields.items()
                if get_named_type(field.type).name == "ID"
            }
    assert found == {*OPERATIONS}


def test_every_root_field_is_in_the_matrix(schema: GraphQLSchema) -> None:
    assert schema.query_type
    assert schema.mutation_type
    assert schema.subscription_type
    assert {*schema.query_type.fields} == {*QUERIES}
    assert {*schema.mutation_type.fields} == {*MUTATIONS}
    assert {*schema.subscription_type.fields} == {*SUBSCRIPTIONS}
    assert {*QUERIES, *MUTATIONS, *SUBSCRIPTIONS} == {*NEEDS}


def test_a_call_without_its_scopes_is_refused_and_has_no_effect(two: Two, watch: Watch) -> None:
    before = two.dump()
    each_owner = [two.own, two.other, NONE[0]]
    for scopes, client in two.tokens.items():
        for name, needs in NEEDS.items():
            if needs <= scopes:
                continue
            text = QUERIES.get(name) or f"mutation {{ {MUTATIONS[name]} }}"
            answers = []
            for ids in each_owner if "SEGMENT" in text or "CONTACT" in text else each_owner[:1]:
                with watch.watching() as statements:
                    response = client.post(ids.put(text, two.shop.segment))
                assert statements == [], name
                answers.append(seen(response, ids))
            answer = response.json()
            assert answer["data"] in (None, {name: None}, {name: [None]})
            (error,) = answer["errors"]
            assert error["extensions"]["code"] == "FORBIDDEN"
            assert any(scope in error["message"] for scope in needs - scopes)
            assert all(each == answers[0] for each in answers), name
        if not scopes >= ROUTE_NEEDS:
            for route in ROUTES:
                answers = []
                for ids in each_owner:
                    with watch.watching() as statements:
                        response = client.get(ids.put(route, ""))
                    assert statements == []
                    answers.append(seen(response, ids))
                assert response.status_code == 403
                assert all(each == answers[0] for each in answers)
    assert two.dump() == before


def test_a_call_with_its_scopes_succeeds_whatever_other_scopes_the_token_has(two: Two) -> None:
    for scopes, client in two.tokens.items():
        for name, text in QUERIES.items():
            if NEEDS[name] <= scopes:
                data = client.ask(two.own.put(text, two.shop.segment))
                assert data[name] is not None, name
        if scopes >= ROUTE_NEEDS:
            assert client.get(two.own.put(ROUTES[0], "")).status_code == 200


def test_a_subscription_needs_its_scopes_and_sees_no_other_shop(two: Two, watch: Watch) -> None:
    before = two.dump()
    for scopes, client in two.tokens.items():
        with streaming(client.address) as stream:
            stream.init(client.token)
            for name, text in SUBSCRIPTIONS.items():
                if NEEDS[name] <= scopes:
                    stream.subscribe(f"subscription {{ {text} }}", id=name)
                    assert stream.next(name)[name]
                    stream.send("complete", id=name)
                    continue
                with watch.watching() as statements:
                    stream.subscribe(f"subscription {{ {text} }}", id=name)
                    message = stream.receive()
                assert statements == []
                assert "FORBIDDEN" in json.dumps(message)
                assert '"members"' not in json.dumps(message)
    answers = []
    for ids in (NONE[1], two.other, NONE[0]):
        with streaming(two.everything.address) as stream, watch.watching() as statements:
            stream.init(two.everything.token)
            query = f"subscription {{ segmentSize({IN_SEGMENT}) {{ members }} }}"
            stream.subscribe(ids.put(query, ""))
            answers.append((ids.taken_out(json.dumps(stream.receive())), [*statements]))
    assert answers[1] == answers[2]
    assert two.dump() == before


@pytest.mark.parametrize("argument", OPERATIONS, ids=".".join)
def test_another_shops_ids_look_like_missing_ones(
    two: Two, watch: Watch, argument: tuple[str, str]
) -> None:
    before = two.dump()
    for text in OPERATIONS[argument]:
        answers = []
        for ids in (NONE[1], two.other, NONE[0]):  # the first request finds nothing in memory
            with watch.watching() as statements:
                response = two.everything.post(ids.put(text, two.shop.segment))
            assert response.status_code == 200
            assert "secret" not in response.text.casefold() or "MINE" in text
            answers.append((seen(response, ids), sorted(statements)))
        assert answers[1] == answers[2], text
    if "recorded" not in OPERATIONS[argument][0]:
        assert two.dump() == before


@pytest.mark.parametrize("route", ROUTES)
def test_exporting_another_shops_segment_looks_like_a_missing_segment(
    two: Two, watch: Watch, route: str
) -> None:
    answers = []
    for ids in (NONE[1], two.other, NONE[0]):
        with watch.watching() as statements:
            response = two.everything.get(ids.put(route, ""))
        assert response.status_code == 404
        assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
        answers.append((seen(response, ids), sorted(statements)))
    assert answers[1] == answers[2]


def test_facts_recorded_with_another_shops_ids_stay_in_the_own_shop(
    server: Server, two: Two
) -> None:
    shop, ids = _filled(server, 3)
    stranger = server.shop()
    before = _facts(two.services, shop.client.shop_id)
    assert any(before.values())
    for argument, texts in OPERATIONS.items():
        if "recorded" in texts[0]:
            payload = next(iter(stranger.ask(ids.put(texts[0], "")).values()))
            assert payload == {"recorded": 1, "userErrors": []}, argument
    assert _facts(two.services, shop.client.shop_id) == before


def _facts(services: Services, shop_id: int) -> dict[str, list[Any]]:
    return {
        table.__tablename__: sorted(
            map(
                repr,
                services.audience.query_unfiltered(
                    f"SELECT * FROM {table.__tablename__} FINAL WHERE shop_id = {shop_id}"
                ).to_pylist(),
            )
        )
        for table in services.audience.tables
    }


def test_suggestions_never_come_from_another_shop(server: Server, two: Two) -> None:
    stranger = server.shop()
    query = "{ criteria { key fields { name suggests } } }"
    found = [
        (criterion["key"], field["name"])
        for criterion in stranger.ask(query)["criteria"]
        for field in criterion["fields"]
        if field["suggests"]
    ]
    assert len(found) > 5
    suggest = (
        "query ($key: String!, $field: String!) {"
        " all: fieldSuggestions(criterion: $key, field: $field) { value label }"
        ' some: fieldSuggestions(criterion: $key, field: $field, search: "secret") { value label }'
        " }"
    )
    own = 0
    for key, field in found:
        variables = {"key": key, "field": field}
        assert "secret" not in json.dumps(stranger.ask(suggest, **variables)).casefold(), key
        for options in two.everything.ask(suggest, **variables).values():
            own += "secret" in json.dumps(options).casefold()
    assert own > 5  # suggestions of the own shop are returned
