"""A shop for each case."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from graphql_app.audience.recorder import Recorder
from graphql_app.runtime.services import Services
from tests.conftest import STORES, opened_tables
from tests.parity.recorded_shop import RecordedShop


@pytest.fixture
def boutique(services: Services) -> RecordedShop:
    return RecordedShop(services)


@pytest.fixture(scope="module", params=STORES)
def services_apart(
    request: pytest.FixtureRequest,
    services: Services,
    open_database: Callable[[str], AbstractContextManager[str]],
) -> Iterator[Services]:
    """Return services with their own audience: erasing takes time for every part of the store."""
    with (
        open_database(request.param) as url,
        opened_tables(request.param, url) as audience,
    ):
        recorder = Recorder(audience, country_of=services.recorder.country_of)
        yield replace(services, audience=audience, recorder=recorder)


@pytest.fixture
def boutique_apart(services_apart: Services) -> RecordedShop:
    return RecordedShop(services_apart)
