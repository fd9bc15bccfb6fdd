"""Shops share the worker threads fairly."""

import asyncio
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from graphql_app.catalog.tables import Segment
from graphql_app.catalog.tokens import Access
from graphql_app.criteria import SegmentTemplate
from graphql_app.plugins import Registry
from graphql_app.runtime.context import Context
from graphql_app.runtime.engine import FairEngine
from graphql_app.runtime.services import Services
from graphql_app.segments.export import Export
from graphql_app.segments.members import Page
from tests.support import Server

REVIEWED = {"not": {"reviewsWritten": {"operator": "AT_LEAST", "count": 1}}}


def test_shops_alternate_even_if_one_has_many_requests(server: Server, services: Services) -> None:
    greedy, other = (Context(services, Access(server.shop().shop, frozenset())) for _ in range(2))
    threads = int(services.workers.total_tokens)
    begun: list[str] = []
    may_end = threading.Semaphore(0)

    def work(name: str) -> None:
        begun.append(name)
        assert may_end.acquire(timeout=30)

    async def ask() -> None:
        requests = [
            asyncio.ensure_future(greedy.run_without_rules(work, "greedy")) for _ in range(50)
        ]
        while len(begun) < threads or not services.workers.statistics().tasks_waiting:
            await asyncio.sleep(0.01)
        requests.append(asyncio.ensure_future(other.run_without_rules(work, "other")))
        while services.waiting < 51 - threads:
            await asyncio.sleep(0.01)
        # End one at a time, so that requests begin in the order of the shops' turns.
        for so_far in range(threads, 51):
            may_end.release()
            while len(begun) == so_far:
                await asyncio.sleep(0.001)
        may_end.release(threads)
        await asyncio.gather(*requests)

    asyncio.run(ask())
    # The requests that already had a thread, and the first in line.
    assert begun.index("other") == threads + 1
    assert len(begun) == 51
    assert services.waiting == 0


@pytest.mark.parametrize(
    "rule",
    [
        REVIEWED,
        # The segment may have such a criterion.
        {"all": [{"inSegment": {"operator": "IS", "segment": "1"}}]},
    ],
    ids=["of a plugin", "of a segment"],
)
def test_rules_with_third_party_criteria_leave_half_of_the_workers(
    server: Server, services: Services, registry_with_reviews: Registry, rule: dict[str, Any]
) -> None:
    services = replace(services, registry=registry_with_reviews)
    context = Context(services, Access(server.shop().shop, frozenset()))
    half = int(services.workers.total_tokens) // 2
    running: list[None] = []
    may_end = threading.Event()

    def work() -> None:
        running.append(None)
        assert may_end.wait(30)

    async def ask() -> None:
        requests = [asyncio.ensure_future(context.run_with_rules([rule], work)) for _ in range(9)]
        while len(running) < half:
            await asyncio.sleep(0.01)
        await context.run_without_rules(lambda: None)
        assert len(running) == half
        may_end.set()
        await asyncio.gather(*requests)

    asyncio.run(ask())
    assert len(running) == 9


class _StoppedError(Exception):
    pass


def test_every_evaluation_of_a_rule_is_limited_by_its_criteria(
    server: Server,
    services: Services,
    registry_with_reviews: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = replace(services, registry=registry_with_reviews)
    context = Context(services, Access(server.shop().shop, frozenset()))
    rule = context.saved.parse(REVIEWED)
    segment = Segment(id=1, shop_id=1, name="", name_key="", rule=REVIEWED, summary="")
    template = SegmentTemplate("reviewed", "Reviewed", "", REVIEWED)
    field = ("reviewsWritten", "count")
    calls: Mapping[str, tuple[Any, ...]] = {
        "size": (rule,),
        "count": (rule,),
        "members": (rule, Page(1)),
        "explain": (rule, [1]),
        "contains": (rule, 1),
        "matching": ({0: rule}, 1),
        "sentences": ([rule],),
        "suggest": (*field, "", 1, {}),
        "labels": (*field, ["1"], {}),
        "fill": (template,),
        "count_draft": (REVIEWED,),
        "count_parsed_draft": (rule,),
        "read_page": (Export(rule), context.reads, lambda rows: b""),
        "summaries": ([segment],),
    }
    without_rules = {"people", "contact_counts"}
    public = {name for name in vars(FairEngine) if not name.startswith("_")}
    assert public == calls.keys() | without_rules
    limits: list[set[str]] = []

    async def note(self: Services, shop_id: int, work: object, criteria: Iterable[str]) -> None:
        limits.append({*criteria})
        if any(map(registry_with_reviews.is_third_party, limits[-1])):
            raise _StoppedError

    monkeypatch.setattr(Services, "run", note)

    async def call(name: str) -> None:
        with pytest.raises(_StoppedError):
            await getattr(context.engine, name)(*calls[name])

    async def call_all() -> None:
        for name in calls:
            limits.clear()
            await call(name)
            assert limits[-1] == {"reviewsWritten"}, name

    asyncio.run(call_all())
