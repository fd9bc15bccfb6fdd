"""A shop for each case."""

import pytest

from graphql_app.runtime.services import Services
from tests.parity.recorded_shop import RecordedShop


@pytest.fixture
def boutique(services: Services) -> RecordedShop:
    return RecordedShop(services)
