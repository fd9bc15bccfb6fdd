"""Every built-in criterion passes ``check_criterion``."""

import pytest

from graphql_app.plugin_discovery import discover
from graphql_app.runtime.services import Services
from graphql_app.testing import check_criterion

BUILT_IN = discover().criteria


@pytest.mark.parametrize("key", sorted(BUILT_IN))
def test_a_built_in_criterion_keeps_the_contract(key: str, services: Services) -> None:
    check_criterion(BUILT_IN[key], services=services)
