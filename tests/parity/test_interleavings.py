"""Sizes from the index are the evaluator's, whatever happens between one query and the next.

Facts are recorded, contacts forgotten; the clock goes on, and back; vectors are let go for want of
room; the process begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import Batch, facts_after
from tests.parity.evaluator import Judge
from tests.parity.recorded_shop import RecordedShop
from tests.parity.strategies import Situation, situations
from tests.parity.test_parity import FEWER, UNHURRIED, check_size

# What is kept of a shop of a few contacts: everything, a few vectors, or nothing at all.
ROOM = (1 << 30, 600, 1)


@dataclass(frozen=True)
class Ask:
    """Ask for the size of some rules, by number."""

    rules: tuple[int, ...]


@dataclass(frozen=True)
class Pass:
    """Let time pass, or turn the clock back."""

    time: timedelta


@dataclass(frozen=True)
class Restart:
    """Begin with nothing in memory, and with room for so many bytes."""

    room: int


Step: TypeAlias = Batch | Ask | Pass | Restart

# Some are longer than the index looks ahead; a millisecond is the least that counts.
TIMES = (
    timedelta(milliseconds=1), timedelta(seconds=30), timedelta(hours=1), timedelta(hours=24),
    timedelta(days=31), -timedelta(milliseconds=1), -timedelta(hours=7),
)  # fmt: skip


@st.composite
def histories(draw: st.DrawFn, forgetting: bool) -> tuple[Situation, Sequence[Step]]:
    """A situation, with queries and the passing of time between its batches."""
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
                    rule = rules[number % len(rules)]
                    check_size(shop, judge, rule)
                    known = shop.services.index.evaluate(shop.id, [shop.rule(rule)], shop.scope)
                    assert known is not None or shop.services.index_bytes < ROOM[0]
            case Pass(time):
                shop.now += time
            case Restart(room):
                shop.services = replace(shop.services, index_bytes=room)
            case _:
                shop.record(step)
                recorded.append(step)


@UNHURRIED
@given(history=histories(forgetting=False))
def test_whatever_comes_between(
    services: Services, history: tuple[Situation, Sequence[Step]]
) -> None:
    check_history(services, *history)


# Erasing from disk takes longest: there are fewer of these, in an audience of their own.
@pytest.mark.parametrize("store", ["embedded", "http"], indirect=True)
@FEWER
@given(history=histories(forgetting=True))
def test_contacts_are_forgotten_in_between(
    services: Services,
    audience: Audience,
    recorder: Recorder,
    history: tuple[Situation, Sequence[Step]],
) -> None:
    check_history(replace(services, audience=audience, recorder=recorder), *history)
