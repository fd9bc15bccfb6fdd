"""Every root field, with an operation that uses it and its scopes; a shop to try them on."""

from collections.abc import Mapping
from typing import Any

from graphql_app.catalog.token_scope import TokenScope
from tests.factories import contacts
from tests.schema.operations import EVERYONE, create, everything
from tests.support import Client, Server

SHOP = "{ shop { handle } }"
ROOTS = """
{
  __schema {
    queryType { fields { name description } }
    mutationType { fields { name description } }
    subscriptionType { fields { name description } }
  }
}
"""
RULE = "rule: {all: []}"
ORDER = '{id: "1", contactId: "1", orderedAt: "2024-05-01T00:00:00Z", total: "5"}'

# An operation for each root field; SEGMENT and CONTACT stand for ids that exist.
QUERIES: Mapping[str, str] = {
    "node": '{ node(id: "SEGMENT") { id } }',
    "nodes": '{ nodes(ids: ["CONTACT"]) { id } }',
    "shop": "{ shop { handle } }",
    "criteria": "{ criteria { key } }",
    "criterion": '{ criterion(key: "spend") { key } }',
    "fieldSuggestions": '{ fieldSuggestions(criterion: "location", field: "countries") { label } }',
    "fieldLabels": (
        '{ fieldLabels(criterion: "location", field: "countries", values: ["US"]) { label } }'
    ),
    "segmentTemplates": "{ segmentTemplates { key } }",
    "segmentSize": f"{{ segmentSize({RULE}) {{ members }} }}",
    "segmentMembers": f"{{ segmentMembers({RULE}) {{ nodes {{ sourceId }} }} }}",
    "membershipExplanation": (
        f'{{ membershipExplanation({RULE}, contactId: "CONTACT") {{ isMember }} }}'
    ),
    "segment": '{ segment(id: "SEGMENT") { name } }',
    "segments": "{ segments { totalCount nodes { name } } }",
    "contact": '{ contact(id: "CONTACT") { sourceId } }',
    "factTables": "{ factTables { name } }",
}
MUTATIONS: Mapping[str, str] = {
    "segmentCreate": f'segmentCreate(input: {{name: "New", {RULE}}}) {{ segment {{ id }} }}',
    "segmentUpdate": (
        'segmentUpdate(id: "SEGMENT", input: {name: "Renamed"}) { segment { name } }'
    ),
    "segmentDelete": 'segmentDelete(id: "SEGMENT") { deletedId }',
    "segmentDuplicate": 'segmentDuplicate(id: "SEGMENT") { segment { name } }',
    "segmentArchive": 'segmentArchive(id: "SEGMENT") { segment { name } }',
    "segmentUnarchive": 'segmentUnarchive(id: "SEGMENT") { segment { name } }',
    "contactsUpsert": 'contactsUpsert(contacts: [{id: "9"}]) { recorded }',
    "ordersUpsert": f"ordersUpsert(orders: [{ORDER}]) {{ recorded }}",
    "productsUpsert": 'productsUpsert(products: [{id: "p", title: "P"}]) { recorded }',
    "textsRecord": (
        'textsRecord(texts: [{id: "1", contactId: "1", sentAt: "2024-05-01T00:00:00Z"}]) '
        "{ recorded }"
    ),
    "keywordsRecord": (
        'keywordsRecord(keywords: [{contactId: "1", keyword: "new", '
        'receivedAt: "2024-05-01T00:00:00Z"}]) { recorded }'
    ),
    "eventsRecord": (
        'eventsRecord(events: [{id: "1", contactId: "1", name: "new", '
        'occurredAt: "2024-05-01T00:00:00Z"}]) { recorded }'
    ),
    "factsRecord": 'factsRecord(table: "none", rows: []) { recorded }',
    "contactsPatch": 'contactsPatch(contacts: [{id: "9", city: "Bern"}]) { recorded }',
    "contactsMerge": 'contactsMerge(from: "8", into: "9") { recorded }',
    "contactsForget": 'contactsForget(ids: ["1"]) { recorded }',
}
SUBSCRIPTIONS: Mapping[str, str] = {"segmentSize": f"segmentSize({RULE}) {{ members }}"}
STATE = """
{
  segmentMembers(rule: {all: []}) { nodes { sourceId email } }
  keywords: fieldSuggestions(criterion: "keyword", field: "keywords") { value }
  products: fieldSuggestions(criterion: "productPurchased", field: "products") { label }
  orders: segmentSize(rule: {ordersPlaced: {operator: AT_LEAST, count: 1}}) { members }
  texts: segmentSize(rule: {textsReceived: {operator: AT_LEAST, count: 1}}) { members }
}
"""
READ, CONTACTS = {"segments:read"}, {"contacts:read"}
NEEDS: Mapping[str, set[str]] = {
    "node": READ,
    "nodes": CONTACTS,
    "shop": set(),
    "criteria": READ,
    "criterion": READ,
    "fieldSuggestions": READ | CONTACTS,
    "fieldLabels": READ | CONTACTS,
    "segmentTemplates": READ | CONTACTS,
    "segmentSize": READ | CONTACTS,
    "segmentMembers": READ | CONTACTS,
    "membershipExplanation": READ | CONTACTS,
    "segment": READ,
    "segments": READ,
    "contact": CONTACTS,
    "factTables": {"facts:write"},
    **{name: {"segments:write"} for name in MUTATIONS if name.startswith("segment")},
    **{name: {"facts:write"} for name in MUTATIONS if not name.startswith("segment")},
}


class Shop:
    """A shop with a segment and a contact, and clients of it with any scopes."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.client = server.shop()
        self.client.record("contactsUpsert", contacts(1, email="secret@example.com"))
        self.segment = create(self.client, "Secret segment", EVERYONE)["id"]
        found = self.client.ask(f"{{ segmentMembers({RULE}) {{ nodes {{ id }} }} }}")
        self.contact = found["segmentMembers"]["nodes"][0]["id"]

    def query(self, name: str) -> str:
        """Return an operation that uses a root field with existing ids."""
        text = QUERIES[name] if name in QUERIES else f"mutation {{ {MUTATIONS[name]} }}"
        return text.replace("SEGMENT", self.segment).replace("CONTACT", self.contact)

    def having(self, *scopes: str) -> Client:
        return self._server.client(self.client.shop, [TokenScope(scope) for scope in scopes])

    def lacking(self, scope: str) -> Client:
        return self.having(*(found for found in TokenScope if found != scope))

    def state(self) -> Any:
        """Return everything that a mutation could change."""
        facts = self.client.ask(STATE)
        return facts, everything(self.client)
