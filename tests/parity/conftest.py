"""Fixtures: an empty shop for each test, on the common store or on a store of its module."""

from dataclasses import replace

import pytest

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.runtime.services import Services
from tests.parity.recorded_shop import RecordedShop


@pytest.fixture
def boutique(services: Services) -> RecordedShop:
    return RecordedShop(services)


@pytest.fixture(scope="module")
def services_apart(services: Services, shared_audience: Audience) -> Services:
    """Return services with a store for this module alone.

    Erasing takes longer the more parts a store has.
    """
    recorder = Recorder(shared_audience, country_of=services.recorder.country_of)
    return replace(services, audience=shared_audience, recorder=recorder)


@pytest.fixture
def boutique_apart(services_apart: Services) -> RecordedShop:
    return RecordedShop(services_apart)
