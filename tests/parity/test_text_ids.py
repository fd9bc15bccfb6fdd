"""Facts whose ids are texts have the same sizes as facts whose ids are whole numbers."""

from hypothesis import given

from graphql_app.runtime.services import Services
from tests.parity.recorded_shop import shop_of
from tests.parity.strategies import Situation, situations
from tests.parity.test_parity import FEWER


@FEWER
@given(situation=situations(forgetting=True))
def test_sizes_do_not_depend_on_the_kind_of_ids(services: Services, situation: Situation) -> None:
    sizes = []
    for prefix in ("", "customer-"):
        shop = shop_of(services, situation, prefix)
        shop.record(*situation.batches)
        shop.save(situation.segments)
        sizes.append([shop.size(document) for document in situation.rules])
        sizes[-1] += [shop.size(document) for document in situation.criteria]
    assert sizes[0] == sizes[1]
