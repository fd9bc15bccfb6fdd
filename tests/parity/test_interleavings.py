"""Sizes from the index equal the evaluator's after any sequence of events.

Facts are recorded, contacts forgotten, time passes or is turned back, vectors are evicted, and the
process restarts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.criteria import PropertyForm
from graphql_app.runtime.services import Services
from graphql_app.segments.rules.tree import Rule, criteria
from tests.parity.evaluation.facts import Batch, facts_after
from tests.parity.evaluator import Judge
from tests.parity.recorded_shop import RecordedShop
from tests.parity.strategies import Situation, situations
from tests.parity.test_parity import COSTLY, FEWER, check_size

# Bytes that keep everything about a small shop, a few vectors, or nothing.
ROOM = (1 << 30, 600, 1)


@dataclass(frozen=True)
class Ask:
    """A request for the sizes of some rules, by number."""

    rules: tuple[int, ...]


@dataclass(frozen=True)
class Pass:
    """Time that passes, or a clock that is turned back."""

    time: timedelta


@dataclass(frozen=True)
class Restart:
    """A restart with an empty index, and room for ``bytes``."""

    room: int


Step: TypeAlias = Batch | Ask | Pass | Restart

# Some exceed the time that the index looks ahead; a millisecond is the shortest that counts.
TIMES = (
    timedelta(milliseconds=1), timedelta(seconds=30), timedelta(hours=1), timedelta(hours=24),
    timedelta(days=31), -timedelta(milliseconds=1), -timedelta(hours=7),
)  # fmt: skip


@st.composite
def histories(draw: st.DrawFn, forgetting: bool) -> tuple[Situation, Sequence[Step]]:
    """Generate a situation, with requests and passing time between its batches."""
    situation = draw(situations(forgetting))
    ask = st.lists(st.integers(0, 99), min_size=1, max_size=3).map(lambda found: Ask(tuple(found)))
    between = st.lists(
        st.one_of(ask, ask, st.sampled_from(TIMES).map(Pass), st.sampled_from(ROOM).map(Restart)),
        max_size=4,
    )
    steps: list[Step] = []
    for batch in situation.batches:
        steps += [batch, *draw(between)]
    return situation, [*steps, draw(ask), *draw(between), draw(ask)]


def may_need_statement(rule: Rule) -> bool:
    """Return whether the index may be unable to evaluate a rule.

    It cannot follow times within a document as the clock moves: in a condition on an event, or in a
    property that has several.
    """
    documents = [
        each
        for criterion in criteria(rule)
        for each in (criterion, *(getattr(criterion, "conditions", None) or ()))
    ]
    return any(isinstance(each, PropertyForm) and each.days is not None for each in documents)


def check_history(services: Services, situation: Situation, steps: Sequence[Step]) -> None:
    services = replace(services, index_bytes=ROOM[0])
    shop = RecordedShop(services, situation.zone, situation.now)
    shop.save(situation.segments)
    rules = [*situation.criteria, *situation.rules]
    recorded: list[Batch] = []
    for step in steps:
        note(f"at {shop.now}: {step}")
        match step:
            case Ask(numbers):
                judge = Judge(facts_after(recorded), shop.zone, shop.now, situation.segments)
                for number in numbers:
                    document = rules[number % len(rules)]
                    rule = shop.rule(document)
                    check_size(shop.engine.size(rule), judge, document)
                    if shop.services.index_bytes == ROOM[0] and not may_need_statement(rule):
                        assert shop.services.index.evaluate(shop.id, [rule], shop.scope)
            case Pass(time):
                shop.now += time
            case Restart(room):
                shop.services = replace(shop.services, index_bytes=room)
            case _:
                shop.record(step)
                recorded.append(step)


@COSTLY
@given(history=histories(forgetting=False))
def test_sizes_stay_correct_between_other_events(
    services: Services, history: tuple[Situation, Sequence[Step]]
) -> None:
    check_history(services, *history)


# Erasing from disk is slow, so this has fewer examples and its own audience.
@pytest.mark.parametrize("store", ["embedded", "http"], indirect=True)
@FEWER
@given(history=histories(forgetting=True))
def test_sizes_stay_correct_when_contacts_are_forgotten(
    services: Services,
    audience: Audience,
    recorder: Recorder,
    history: tuple[Situation, Sequence[Step]],
) -> None:
    check_history(replace(services, audience=audience, recorder=recorder), *history)
