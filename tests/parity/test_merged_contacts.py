"""A merged contact's facts count as if they always had been those of the contact who remains."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graphql_app.runtime.services import Services
from tests.parity.evaluation import facts
from tests.parity.generated_facts import IDS
from tests.parity.recorded_shop import shop_of
from tests.parity.strategies import Situation, situations
from tests.parity.test_parity import FEWER


def _without_contact(batches: Sequence[Any], contact: int) -> Sequence[Any]:
    """Return batches without the record of a contact."""
    return [
        facts.Contacts(tuple(each for each in batch.items if each.id != contact))
        if isinstance(batch, facts.Contacts)
        else batch
        for batch in batches
    ]


def _renamed(batches: Sequence[Any], source: int, target: int) -> Sequence[Any]:
    """Return batches in which the facts of one contact are another's."""
    return [
        type(batch)(
            tuple(
                replace(item, contact_id=target)
                if getattr(item, "contact_id", None) == source
                else item
                for item in batch.items
            ),
            *([batch.keep_lines] if isinstance(batch, facts.Orders) else ()),
        )
        for batch in batches
    ]


@FEWER
@given(
    situation=situations(),
    contacts=st.lists(st.sampled_from(IDS), min_size=2, max_size=2, unique=True),
    at=st.floats(0, 1),
)
def test_sizes_are_those_of_facts_recorded_for_the_survivor(
    services: Services, situation: Situation, contacts: Sequence[int], at: float
) -> None:
    source, target = contacts
    batches = _without_contact(situation.batches, source)
    merged, recorded = (shop_of(services, situation) for _ in range(2))
    middle = round(at * len(batches))
    merged.record(*batches[:middle])
    rules = [*situation.criteria, *situation.rules]
    merged.save(situation.segments)
    for document in rules[:10]:  # so that the index has vectors from before the merge
        merged.size(document)
    services.recorder.merge(merged.id, str(source), str(target))
    merged.record(*batches[middle:])
    recorded.record(*_renamed(batches, source, target))
    recorded.save(situation.segments)
    for document in rules:
        assert merged.size(document) == recorded.size(document), document
