"""A shop for each case."""

from dataclasses import replace

import pytest

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.runtime.services import Services
from tests.parity.recorded_shop import RecordedShop


@pytest.fixture
def boutique(services: Services) -> RecordedShop:
    return RecordedShop(services)


@pytest.fixture
def boutique_apart(services: Services, audience: Audience, recorder: Recorder) -> RecordedShop:
    """Return a shop with its own audience: erasing takes time for every part of the store."""
    return RecordedShop(replace(services, audience=audience, recorder=recorder))
