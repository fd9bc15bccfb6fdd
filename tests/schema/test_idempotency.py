"""Idempotency keys of batches, with the catalog on SQLite and on PostgreSQL."""

import hmac
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from graphql_app.catalog.idempotency import KEY_LIFETIME, fingerprint_of
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import IdempotencyKey, Shop, now
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.runtime import fact_recording
from graphql_app.segments.default_segments import create_shop
from graphql_app.settings import Settings
from tests import factories
from tests.client import FACT_INPUTS, argument
from tests.factories import contacts
from tests.schema.operations import EVERYONE
from tests.support import Client, Server, serving

RECORDED = "{ recorded userErrors { code message path } }"
ITEMS = {
    "contactsUpsert": factories.contact(1),
    "ordersUpsert": factories.order(1),
    "productsUpsert": {"id": "1", "title": "A"},
    "textsRecord": factories.text(1),
    "keywordsRecord": factories.keyword(1, "a"),
    "eventsRecord": factories.event(1),
}
REUSED = "IDEMPOTENCY_KEY_REUSED"

_ids = count(4_000_000)  # the catalogs share one audience store


@pytest.fixture
def shop(server: Server, settings: Settings, catalog: Catalog) -> Iterator[Client]:
    """Return a shop whose catalog has its own database."""
    services = replace(server.services, catalog=catalog)
    made = Shop(id=next(_ids), handle="acme", name="A", timezone="UTC", currency="USD")
    create_shop(catalog, services.registry, made)
    with serving(services, settings) as address:
        yield replace(server, address=address, services=services).client(made, [*TokenScope])


def send(
    shop: Client, key: str | None, items: Sequence[Any], mutation: str = "contactsUpsert"
) -> Any:
    fact = argument(mutation)
    query = (
        f"mutation ($key: String, $items: [{FACT_INPUTS[fact]}!]!) "
        f"{{ {mutation}({fact}: $items, idempotencyKey: $key) {RECORDED} }}"
    )
    return shop.ask(query, key=key, items=list(items))[mutation]


def code(payload: Any) -> str:
    """Return the error code of a refused batch, which must have recorded nothing."""
    assert payload["recorded"] == 0
    (error,) = payload["userErrors"]
    found: str = error["code"]
    return found


def email(shop: Client) -> str | None:
    query = "{ segmentMembers(rule: {all: []}) { nodes { email } } }"
    (contact,) = shop.ask(query)["segmentMembers"]["nodes"]
    found: str | None = contact["email"]
    return found


def test_a_repeated_batch_gets_the_first_payload_and_is_not_recorded_again(shop: Client) -> None:
    old, new = contacts(1, email="old@x.y"), contacts(1, email="new@x.y")
    first = send(shop, "a", old)
    assert first == {"recorded": 1, "userErrors": []}
    assert send(shop, "b", new)["recorded"] == 1
    assert send(shop, "a", old) == first
    assert email(shop) == "new@x.y"
    assert send(shop, None, old)["recorded"] == 1  # without a key, the last write wins
    assert email(shop) == "old@x.y"


def test_a_key_belongs_to_one_input_of_one_mutation(shop: Client) -> None:
    assert send(shop, "a", contacts(1))["recorded"] == 1
    assert code(send(shop, "a", contacts(2))) == REUSED
    assert code(send(shop, "a", contacts(1, 1))) == REUSED
    product = [{"id": "1", "title": "1"}]
    assert code(send(shop, "a", product, "productsUpsert")) == REUSED
    payload = send(shop, "a", contacts(1, email="x@y.z"))
    assert payload["userErrors"][0]["path"] == ["idempotencyKey"]
    assert email(shop) is None
    assert shop.members(EVERYONE) == 1


def test_a_refused_batch_does_not_use_up_its_key(shop: Client) -> None:
    assert code(send(shop, "a", contacts(" "))) == "INVALID"
    assert send(shop, "a", contacts(1))["recorded"] == 1


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_the_length_of_a_key_is_limited(shop: Client, key: str) -> None:
    payload = send(shop, key, contacts(1))
    assert code(payload) == "INVALID"
    assert payload["userErrors"][0]["path"] == ["idempotencyKey"]
    assert shop.members(EVERYONE) == 0


def test_every_mutation_that_records_facts_accepts_a_key(shop: Client) -> None:
    for mutation, item in ITEMS.items():
        for _ in range(2):
            assert send(shop, mutation, [item], mutation)["recorded"] == 1
    patch = (
        f'mutation {{ contactsPatch(contacts: [{{ id: "1" }}], idempotencyKey: "p") {RECORDED} }}'
    )
    for _ in range(2):
        assert shop.ask(patch)["contactsPatch"]["recorded"] == 1
    merge = f'mutation {{ contactsMerge(from: "2", into: "1", idempotencyKey: "m") {RECORDED} }}'
    for _ in range(2):
        assert shop.ask(merge)["contactsMerge"]["recorded"] == 1
    forget = f'mutation {{ contactsForget(ids: ["1"], idempotencyKey: "f") {RECORDED} }}'
    assert shop.ask(forget)["contactsForget"]["recorded"] == 1
    assert shop.members(EVERYONE) == 0
    assert send(shop, "again", [ITEMS["contactsUpsert"]])["recorded"] == 1
    assert shop.ask(forget)["contactsForget"]["recorded"] == 1
    assert shop.members(EVERYONE) == 1  # a contact recorded meanwhile is not forgotten again
    query = '{ __type(name: "Mutation") { fields { name args { name } } } }'
    takes = {
        field["name"]
        for field in shop.ask(query)["__type"]["fields"]
        if "idempotencyKey" in {argument["name"] for argument in field["args"]}
    }
    assert takes == {*ITEMS, "contactsForget", "contactsMerge", "contactsPatch", "factsRecord"}


def test_concurrent_repeats_record_once_and_get_the_same_payload(
    shop: Client, server: Server
) -> None:
    items = contacts(1, email="same@x.y")
    payloads: list[Any] = []
    with server.services.recorder.hold_write_lock(shop.shop_id):
        threads = [
            threading.Thread(target=lambda: payloads.append(send(shop, "a", items)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    assert payloads == [{"recorded": 1, "userErrors": []}] * 8
    counted = server.services.audience.query_unfiltered(
        f"SELECT count() AS rows FROM contacts WHERE shop_id = {shop.shop_id}"
    )
    assert counted["rows"].to_pylist() == [1]  # replaced versions would be listed too


def test_keys_are_stored_as_hashes_for_a_day(shop: Client, catalog: Catalog) -> None:
    key = "secret-4711"
    send(shop, key, contacts(1, email="a@x.y"))
    send(shop, "other", contacts(1, email="a@x.y"))
    with catalog.write() as session:
        rows = session.connection().execute(text("SELECT * FROM idempotency_key")).all()
        assert len(rows) == 2
        assert key not in str(rows)
        for kept in session.exec(select(IdempotencyKey)):
            kept.created_at = now() - KEY_LIFETIME - timedelta(seconds=1)
    send(shop, key, contacts(1, email="b@x.y"))
    assert email(shop) == "b@x.y"
    with catalog.read() as session:
        rows = session.connection().execute(text("SELECT * FROM idempotency_key")).all()
        assert len(rows) == 1


def test_fingerprints_are_those_of_earlier_versions(shop: Client, catalog: Catalog) -> None:
    items = [
        {"id": "1", "tags": ["é"], "email": "a@x.y"},
        {"id": "2", "properties": {"b": "x" * 99}},
    ]
    send(shop, "a", items)
    request = json.dumps(["contactsUpsert", ["contacts", items]], sort_keys=True)
    with catalog.read() as session:
        [stored] = session.exec(select(IdempotencyKey.fingerprint)).all()
    assert stored == hmac.digest(b"a", request.encode(), "sha256").hex()


def test_a_request_is_hashed_in_pieces(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0

    def recorded(key: str, request: Iterable[str]) -> str:
        nonlocal longest
        pieces = list(request)
        longest = max(map(len, pieces))
        return fingerprint_of(key, pieces)

    monkeypatch.setattr(fact_recording, "fingerprint_of", recorded)
    items = [{"id": str(n), "properties": {"a": "x" * 1_000}} for n in range(1_000)]
    assert send(shop, "a", items)["recorded"] == 1_000
    assert 0 < longest <= 65_536


def test_shops_have_separate_keys(shop: Client, server: Server, catalog: Catalog) -> None:
    send(shop, "a", contacts(1))
    other = Shop(id=next(_ids), handle="other", name="B", timezone="UTC", currency="USD")
    services = replace(server.services, catalog=catalog)
    create_shop(catalog, services.registry, other)
    client = replace(server, address=shop.address, services=services).client(other)
    assert send(client, "a", contacts(2))["recorded"] == 1
