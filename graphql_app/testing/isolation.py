"""The check that another shop's rows never count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from graphql_app.criteria import Option
from graphql_app.testing.engine import new_shop_id
from graphql_app.testing.findings import Finding
from graphql_app.testing.form_filling import suggesting
from graphql_app.testing.harness import Bench, Case
from graphql_app.testing.sample_shops import MadeShop

REMEDY = (
    "Read facts only through what `matches`, `measure` and `suggest` return: the engine shows a "
    "statement one shop's rows. Query nothing yourself, and keep nothing from call to call."
)


def another_shop(bench: Bench, cases: Sequence[Case]) -> Iterator[Finding]:
    """Facts recorded of another shop, of contacts with the same ids, change nothing."""
    cases = bench.one_per_shape(cases)
    answers, offers = bench.members(cases, bench.shop), _offers(bench)
    MadeShop(bench.services, new_shop_id(), "another shop", ("elsewhere", *bench.words)).record()
    # Made anew, so that whatever `matches` does is done again.
    again = [case for each in cases if (case := bench.case(each.fields)) is not None]
    answers_after = [answer.members for answer in bench.ask(again, bench.shop)]
    offers_after = _offers(bench)
    for case, before, after in zip(cases, answers, answers_after, strict=True):
        if before != after:
            yield Finding("Rows of another shop count.", REMEDY, case.shown)
    for name, before_it in offers.items():
        if before_it != offers_after.get(name):
            yield Finding(f"Rows of another shop are among the suggestions for {name}.", REMEDY)


def _offers(bench: Bench) -> dict[str, Sequence[Option]]:
    """What each field is offered."""
    found: dict[str, Sequence[Option]] = {}
    for name, _ in suggesting(bench.kind):
        with suppress(Exception):  # told of by the checks of suggestions
            found[name] = bench.suggested(bench.shop, name)
    return found
