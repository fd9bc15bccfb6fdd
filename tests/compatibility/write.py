"""Write a data directory with the code of this checkout, together with the answers it gives.

``python -m tests.compatibility.write 0.1.0`` fills ``tests/data/compatibility/0.1.0``. It uses the
command, GraphQL and HTTP only: those stay when modules move.
"""

import json
import re
import shutil
import signal
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.process import Running, segments, server
from tests.factories import contact, order
from tests.installed import ROOT, fresh_environment

Json = dict[str, Any]
Request = tuple[str, str, Json]  # the token's name, the operation's name or a path, variables

DIRECTORY = Path(__file__).parent.parent / "data/compatibility"
SOURCE = DIRECTORY / "source"
RULES: list[Json] = json.loads((SOURCE / "rules.json").read_text())
DOCUMENTS = {
    re.split(r"\W", document)[1]: document.strip()
    for document in (SOURCE / "operations.graphql").read_text().split("\n\n")
}
SHOPS = {
    "north": ("--timezone=America/New_York", "--currency=USD"),
    "south": ("--timezone=Pacific/Auckland", "--currency=NZD"),
}
TOKENS = {
    "north": "all",
    "south": "all",
    "north reader": "segments:read",
    "north analyst": "segments:read,contacts:read",
    "north feed": "facts:write",
    "north revoked": "all",
}
FACTS = ("contacts", "orders", "products", "texts", "keywords", "events", "acme_loyalty_accounts")
SUGGESTED = {
    "productPurchased": "products",
    "keyword": "keywords",
    "property": "property",
    "tag": "tags",
    "event": "name",
    "loyaltyTier": "tiers",
}
RETRIED = {"products": [{"id": "soap", "title": "Old soap"}], "key": "products-1"}
REWARD_READY = {"template": "acme-reward-ready"}


@dataclass
class Session:
    """A client of a server on the data directory."""

    running: Running
    tokens: Mapping[str, str]
    documents: Mapping[str, str]

    def ask(self, token: str, operation: str, variables: Json) -> Json:
        """Return the status, the data, and the code and path of each error."""
        client = self.running.client(self.tokens[token])
        if operation.startswith("/"):
            response = client.get(operation)
            return {"status": response.status_code, "body": response.text}
        response = client.post(self.documents[operation], variables)
        found = response.json()
        errors = [
            [error["extensions"]["code"], error.get("path")] for error in found.get("errors", ())
        ]
        return {"status": response.status_code, "data": found.get("data"), "errors": errors}

    def do(self, token: str, operation: str, **variables: Any) -> Any:
        """Return the payload of a mutation that must succeed."""
        answer = self.ask(token, operation, variables)
        assert not answer["errors"], answer
        [payload] = answer["data"].values()
        assert not payload["userErrors"], payload
        return payload

    def nodes(self, token: str, operation: str, **variables: Any) -> list[Json]:
        [found] = self.ask(token, operation, variables)["data"].values()
        nodes: list[Json] = found["nodes"]
        return nodes

    def create(self, token: str, **segment: Any) -> str:
        """Save a segment and return its id."""
        made: str = self.do(token, "Create", input=segment)["segment"]["id"]
        return made


@contextmanager
def serving(
    data: Path,
    program: Path,
    tokens: Mapping[str, str],
    documents: Mapping[str, str] = DOCUMENTS,
) -> Iterator[Session]:
    """Serve a data directory, and stop the server at the end of the block."""
    with server(data, program=program) as running:
        yield Session(running, tokens, documents)
        status, output = running.stop(signal.SIGTERM)
        assert status == 0, output


def in_segment(operator: str, segment: str) -> Json:
    """Return a rule about the contacts of a segment."""
    return {"inSegment": {"operator": operator, "segment": segment}}


def create_shops(data: Path, program: Path) -> dict[str, str]:
    """Create the shops and their tokens, import the facts, and return the tokens."""
    tokens = {}
    for shop, options in SHOPS.items():
        about = f"--description=In the {shop}."
        segments(data, "shop", "create", shop, about, *options, program=program)
        for name in FACTS:
            [file] = SOURCE.glob(f"facts/{name}.*")
            segments(data, "import", str(file), "--shop", shop, program=program)
    for name, scopes in TOKENS.items():
        access = (f"--name={name}", f"--shop={name.split()[0]}", f"--scopes={scopes}")
        tokens[name] = segments(data, "token", "create", *access, program=program).strip()
    segments(data, "token", "revoke", tokens["north revoked"], program=program)
    return tokens


def change(session: Session) -> None:
    """Record facts and save segments over GraphQL."""
    for shop in SHOPS:
        session.do(shop, "Record", contacts=[contact(6, firstName="Faye", tags=["late"])])
        session.do(shop, "Forget", ids=["8"])
    session.do("south", "Orders", orders=[order(9, 6, at="2024-07-01T12:00:00Z", total="50")])
    accounts = [{"contactId": "4", "points": 701, "tier": "gold"}, {"contactId": "6", "points": 1}]
    session.do("south", "Facts", table="acme_loyalty_accounts", rows=accounts)
    session.do("north", "Products", **RETRIED)
    session.do("north", "Products", products=[{"id": "soap", "title": "New soap"}])

    best = session.create("north", template="vips")
    for edit in (
        {"description": "Two orders or more.", "expectedVersion": 1},
        {"name": "Best ☕", "rule": RULES[3]},
    ):
        session.do("north", "Update", id=best, input=edit)
    rest = {"all": [in_segment("IS_NOT", best), {"not": RULES[23]}]}
    others = session.create("north", name="All but the best", rule=rest)
    session.create("north", name="Deeper", rule=in_segment("IS_NOT", others))
    session.create("north", **REWARD_READY)
    for shop in SHOPS:
        session.create(shop, name="Nested", rule=RULES[2])
    for name, operations in {
        "Archived": ["Archive"],
        "Restored": ["Archive", "Unarchive"],
        "Copied": ["Duplicate"],
        "Deleted": ["Delete"],
    }.items():
        made = session.create("north", name=name, rule=RULES[0])
        for operation in operations:
            session.do("north", operation, id=made)


def requests(session: Session) -> Iterator[Request]:
    """Yield everything to ask; no answer depends on the day on which it is given."""
    listed = session.nodes("north", "Segments", archived=False)
    saved = {node["name"]: node["id"] for node in listed}
    contacts = {node["sourceId"]: node["id"] for node in session.nodes("north", "Contacts")}
    for token in TOKENS:
        for operation in ("Shop", "Counts", "Contacts", "Sizes", "Tables"):
            yield token, operation, {}
        for archived in (False, True):
            yield token, "Segments", {"archived": archived}
    for shop in SHOPS:
        for rule in RULES:
            yield shop, "Size", {"rule": rule}
        for key, name in SUGGESTED.items():
            yield shop, "Suggestions", {"criterion": key, "field": name}
        labels = {"criterion": "productPurchased", "field": "products"}
        yield shop, "Labels", {**labels, "values": ["coral", "soap", "lime"]}
        # The ids of one shop, used by both.
        yield shop, "Nodes", {"ids": [*contacts.values(), *saved.values()]}
        for node in listed:
            if not node["isDefault"]:  # a new description makes a new version of these
                yield shop, "Segment", {"id": node["id"], "contact": contacts["1"]}
    for rule in RULES:
        yield "north", "Members", {"rule": rule}
    yield "north", "Explanation", {"rule": RULES[2], "contact": contacts["3"]}
    for key in ("loyaltyPoints", "loyaltyTier"):
        yield "north", "Criterion", {"key": key}
    for segment in saved.values():
        for format in ("csv", "ndjson"):
            yield "north", f"/segments/{segment}/members.{format}", {}
    yield from pages(session)
    yield from refused(saved)


def pages(session: Session) -> Iterator[Request]:
    """Yield two pages of each order, the second by the first's cursor."""
    for key in ("ID", "CREATED_AT", "SUBSCRIBED_AT"):
        for reverse in (False, True):
            order = {"sortKey": key, "reverse": reverse}
            [page] = session.ask("north", "Cursor", order)["data"].values()
            yield "north", "Page", order
            yield "north", "Page", {**order, "after": page["pageInfo"]["endCursor"]}


def refused(saved: Mapping[str, str]) -> Iterator[Request]:
    """Yield mutations that change nothing, each for a reason of its own."""
    best, default = saved["Best ☕"], saved["All US/Canada Customers and Subscribers"]
    yield "north reader", "Archive", {"id": best}
    yield "north analyst", "Forget", {"ids": ["1"]}
    yield "north feed", "Delete", {"id": best}
    yield "south", "Delete", {"id": best}
    yield "north", "Delete", {"id": best}
    yield "north", "Archive", {"id": saved["All but the best"]}
    yield "north", "Create", {"input": {"name": "archived", "rule": RULES[0]}}
    for id, edit in (
        (default, {"name": "Edited"}),
        (best, {"name": "Edited", "expectedVersion": 2}),
        (best, {"rule": in_segment("IS", saved["Deeper"])}),
    ):
        yield "north", "Update", {"id": id, "input": edit}


def main(version: str) -> None:
    """Write the archive, the answers and the plugin's wheel."""
    target = DIRECTORY / version
    with tempfile.TemporaryDirectory() as temporary:
        directory, data = Path(temporary), Path(temporary) / "data"
        program = fresh_environment(directory, ROOT / "tests/plugins/acme_loyalty") / "segments"
        tokens = create_shops(data, program)
        with serving(data, program, tokens) as session:
            change(session)
        with serving(data, program, tokens) as session:
            answers = [[*request, session.ask(*request)] for request in requests(session)]
        target.mkdir(parents=True)
        with tarfile.open(target / "data.tar.xz", "w:xz") as archive:
            archive.add(data, "data", filter=anonymous)
        [wheel] = directory.glob("wheels/acme_loyalty-*.whl")
        shutil.copy(wheel, target)
    client = {"tokens": tokens, "documents": DOCUMENTS}
    (target / "client.json").write_text(json.dumps(client, indent=2) + "\n")
    lines = [json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers]
    (target / "answers.ndjson").write_text("".join(lines))


def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who wrote the file."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    main(sys.argv[1])
