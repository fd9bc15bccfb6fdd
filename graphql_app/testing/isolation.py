"""Check that rows of other shops change nothing."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from graphql_app.criteria import Option
from graphql_app.testing.engine import new_shop_id
from graphql_app.testing.findings import Finding
from graphql_app.testing.form_filling import suggested_fields
from graphql_app.testing.harness import Case, Harness
from graphql_app.testing.sample_shops import MadeShop

REMEDY = (
    "Read facts only through the statements that `matches`, `measure` and `suggest` return, which "
    "see one shop's rows. Do not run queries or keep results between calls."
)


def check_isolation(harness: Harness, cases: Sequence[Case]) -> Iterator[Finding]:
    """Check that facts of another shop with the same contact ids change nothing."""
    cases = harness.one_per_shape([harness.evaluated_case(case) for case in cases])
    answers, offers = harness.members(cases, harness.shop), _offers(harness)
    audience, recorder = harness.services.audience, harness.services.recorder
    words = ("elsewhere", *harness.words)
    MadeShop(audience, recorder, new_shop_id(), "another shop", words).record()
    # New cases, so that `matches` runs again.
    again = [Case(case.criterion, case.scope) for case in cases]
    answers_after = harness.evaluate(again, harness.shop)
    offers_after = _offers(harness)
    for case, before, after in zip(cases, answers, answers_after, strict=True):
        if before != after:
            yield Finding("Rows of another shop change the members.", REMEDY, case.example)
    for name, before_it in offers.items():
        if before_it != offers_after.get(name):
            yield Finding(f"Rows of another shop change the suggestions for {name}.", REMEDY)


def _offers(harness: Harness) -> dict[str, Sequence[Option]]:
    found: dict[str, Sequence[Option]] = {}
    for name, _ in suggested_fields(harness.kind):
        with suppress(Exception):  # reported by the checks of suggestions
            found[name] = harness.suggest(harness.shop, name)
    return found
