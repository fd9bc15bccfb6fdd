"""Generated shops, recordings and rules, from small pools so that boundaries are common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tests.hypothesis_profiles import thorough
from tests.parity.evaluation.facts import Batch, Document
from tests.parity.generated_facts import ZONES, Facts, birthdays, days, moments, nows, recordings
from tests.parity.generated_rules import Criteria, edges, rules, segments


@dataclass(frozen=True)
class Situation:
    """A shop's history and segments, the current time, and rules."""

    zone: str
    now: datetime
    batches: Sequence[Batch]
    segments: Mapping[str, Document]
    criteria: Sequence[Document]
    edges: Sequence[Document]
    rules: Sequence[dict[str, Any]]
    first_weekday: int
    country: str | None


@st.composite
def situations(draw: st.DrawFn, forgetting: bool = False) -> Situation:
    """Generate a shop with 40 to 80 rules: criteria, some with special bounds, and nested ones."""
    zone = draw(st.sampled_from(ZONES))
    now = draw(nows(zone))
    known = Criteria(st.sampled_from(days(zone, now)))
    criteria = known.any_but()
    # Few instants for all facts of the shop, so that they often equal each other and bounds.
    times = draw(st.lists(st.sampled_from(moments(zone, now)), min_size=4, max_size=12))
    facts = Facts(
        st.sampled_from(times), st.sampled_from([*days(zone, now), *birthdays(zone, now)])
    )
    batches = draw(recordings(facts, forgetting))
    special = edges(zone, now)
    twenty = st.lists(st.sampled_from(special), min_size=20, max_size=20)
    return Situation(
        zone,
        now,
        batches,
        draw(segments(known)),
        draw(st.lists(criteria, min_size=10, max_size=20)),
        special if thorough() else draw(twenty),
        draw(st.lists(rules(criteria), min_size=3, max_size=6)),
        draw(st.integers(0, 6)),
        draw(st.sampled_from([None, "US", "GB"])),
    )
