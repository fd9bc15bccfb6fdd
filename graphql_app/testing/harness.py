"""The harness of a check: generated shops, rules for them, and their members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import ColumnElement, not_, select
from sqlmodel import col

from graphql_app.audience.as_of import AsOf
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import Criterion, Option, Scope
from graphql_app.runtime.services import Services
from graphql_app.segments.fact_reader import FactReader
from graphql_app.segments.predicate import key
from graphql_app.segments.rules.parser import read_form
from graphql_app.segments.rules.tree import document
from graphql_app.segments.scope import shop_scope
from graphql_app.segments.sql_guard import checked
from graphql_app.segments.suggestions import MAX_SUGGESTIONS, suggestions
from graphql_app.testing.engine import new_shop_id
from graphql_app.testing.findings import format_example
from graphql_app.testing.form_filling import Document, Filler
from graphql_app.testing.sample_facts import NOW
from graphql_app.testing.sample_shops import MadeShop

CASES_PER_STATEMENT = 50


@dataclass(frozen=True, eq=False)
class Case:
    """A rule of one criterion, at an instant."""

    criterion: Criterion
    scope: Scope

    @cached_property
    def fields(self) -> Document:
        found: Document = document(self.criterion)[self.criterion.key]
        return found

    @property
    def example(self) -> str:
        return format_example(self.fields)

    @cached_property
    def fragment(self) -> ColumnElement[bool]:
        """Return the rule's SQL after the server's checks."""
        return checked(self.criterion.fragment(self.scope), self.criterion.key)


@dataclass(frozen=True, slots=True)
class Membership:
    """Whom a rule matches: its members, the members of its complement, and undecided contacts.

    A contact is undecided if its condition is neither 0 nor 1.
    """

    members: frozenset[int]
    others: frozenset[int]
    undecided: frozenset[int]

    @property
    def complement(self) -> Membership:
        """The membership of the negated rule.

        SQL's NOT turns every number but 0 into 0, so only NULL stays undecided.
        """
        return Membership(self.others, self.members, self.undecided - self.members)


@lru_cache(maxsize=32)
def _make_shop(
    audience: Audience, recorder: Recorder, words: tuple[str, ...], plain_texts: bool
) -> MadeShop:
    """Record a shop once for all criteria that are checked with the same stores and words."""
    shop = MadeShop(audience, recorder, new_shop_id(), "shop", words, plain_texts)
    shop.record()
    return shop


@dataclass(frozen=True)
class Harness:
    """A criterion and generated shops. The shops' texts include ``words``.

    The services' registry has only this criterion; ``examples`` are the author's rules, as fields.
    """

    kind: type[Criterion]
    services: Services
    examples: Sequence[Mapping[str, Any]]
    words: Sequence[str]
    _cases: dict[str, Case] = field(default_factory=dict)
    _known: dict[int, dict[Case, Membership]] = field(default_factory=dict)

    @cached_property
    def shop(self) -> MadeShop:
        """Return a shop with hostile texts."""
        return self._shop(plain_texts=False)

    @cached_property
    def plain_shop(self) -> MadeShop:
        """Return the same shop with every text made plain."""
        return self._shop(plain_texts=True)

    def _shop(self, plain_texts: bool) -> MadeShop:
        stores = (self.services.audience, self.services.recorder)
        return _make_shop(*stores, tuple(self.words), plain_texts)

    @cached_property
    def scope(self) -> Scope:
        """Return the shops' zone and currency at ``NOW``."""
        return shop_scope(self.shop.access.shop, NOW)

    def case(self, fields: Mapping[str, Any]) -> Case | None:
        """Return the case for a rule's fields, or ``None`` if they are invalid.

        Equal rules have the same case.
        """
        try:
            form, problems = read_form(self.kind, fields)
        except Exception:  # reported by the checks of forms
            return None
        return None if form is None or problems else self._case_of(form)

    def positive(self, case: Case) -> Case:
        """Return the case with the positive operator and the same fields."""
        operator = case.criterion.operator
        if not operator.negated:
            return case
        return self._case_of(case.criterion.model_copy(update={"operator": operator.positive}))

    def evaluated_case(self, case: Case) -> Case:
        """Return the case whose SQL answers this case.

        It is the positive case, unless ``fragment`` is overridden.
        """
        return self.positive(case) if self.kind.fragment is Criterion.fragment else case

    def _case_of(self, criterion: Criterion) -> Case:
        return self._cases.setdefault(key(criterion), Case(criterion, self.scope))

    @cached_property
    def filler(self) -> Filler:
        known: dict[str, Sequence[Option]] = {}

        def offer(name: str, given: Mapping[str, Any]) -> Sequence[Option]:
            asked = f"{name} {given!r}"
            if asked not in known:
                try:
                    known[asked] = self.suggest(self.shop, name, given=given)
                except Exception:  # reported by the checks of suggestions
                    known[asked] = ()
            return known[asked]

        return Filler(offer)

    @cached_property
    def cases(self) -> Sequence[Case]:
        """Return the valid rules among the author's examples and the generated ones, each once."""
        filled = (*self.examples, *self.filler.documents(self.kind))
        found = (case for fields in filled if (case := self.case(fields)) is not None)
        return list(dict.fromkeys(found))

    def one_per_shape(self, cases: Sequence[Case]) -> Sequence[Case]:
        """Return the first case for each combination of operator and fields."""
        shapes: dict[tuple[str, ...], Case] = {}
        for case in cases:
            shapes.setdefault((case.criterion.operator, *case.fields), case)
        return list(shapes.values())

    def suggest(
        self, shop: MadeShop, name: str, search: str = "", given: Mapping[str, Any] | None = None
    ) -> Sequence[Option]:
        reader = FactReader(self.services.audience, shop.id, self.scope)
        target = (self.services.registry, self.kind.key, name)
        return suggestions(reader, *target, search, MAX_SUGGESTIONS, given=given or {})

    def answers(self, cases: Sequence[Case], shop: MadeShop) -> list[Membership]:
        """Evaluate each case for all contacts, or return its cached answer.

        Raises:
            AppError: The engine fails.
        """
        known = self._known.setdefault(shop.id, {})
        evaluated_cases = [self.evaluated_case(case) for case in cases]
        new = [case for case in dict.fromkeys(evaluated_cases) if case not in known]
        for some in _batches(new):
            known.update(zip(some, self._answers(some, shop), strict=True))
        return [
            known[evaluated] if case is evaluated else known[evaluated].complement
            for case, evaluated in zip(cases, evaluated_cases, strict=True)
        ]

    def members(self, cases: Sequence[Case], shop: MadeShop) -> list[frozenset[int]]:
        return [answer.members for answer in self.answers(cases, shop)]

    def evaluate(
        self, cases: Sequence[Case], shop: MadeShop, contacts: Sequence[int] | None = None
    ) -> list[frozenset[int]]:
        """Evaluate each case, without a cache, and return its members.

        With ``contacts``, evaluate as if the shop had only these contacts.

        Raises:
            AppError: The engine fails.
        """
        found: list[frozenset[int]] = []
        for some in _batches(cases):
            statement = select(col(Contact.id), *_columns(some))
            rows = self.fetch_rows(statement, shop, contacts)
            found += (
                frozenset(row[0] for row in rows if row[number])
                for number in range(1, len(some) + 1)
            )
        return found

    def _answers(self, cases: Sequence[Case], shop: MadeShop) -> Iterator[Membership]:
        """Evaluate cases like the server: one column per criterion, negated for the complement."""
        contact, *answers = select(col(Contact.id), *_columns(cases)).subquery().c
        conditions = [side for answer in answers for side in (answer, not_(answer))]
        rows = self.fetch_rows(select(contact, *conditions), shop)
        for column in range(1, 2 * len(cases), 2):
            yield Membership(
                members=frozenset(row[0] for row in rows if row[column]),
                others=frozenset(row[0] for row in rows if row[column + 1]),
                undecided=frozenset(row[0] for row in rows if row[column] not in (0, 1)),
            )

    def fetch_rows(
        self, statement: Statement, shop: MadeShop, contacts: Sequence[int] | None = None
    ) -> Sequence[Any]:
        """Execute a statement on the facts of a shop, or of some contacts, as of ``NOW``."""
        audience = self.services.audience
        as_of = AsOf(self.scope.now, audience.tables)
        return audience.fetch_rows(statement, shop.id, contacts, as_of=as_of)

    def contacts(self) -> frozenset[int]:
        return frozenset(row[0] for row in self.fetch_rows(select(col(Contact.id)), self.shop))


def _columns(cases: Sequence[Case]) -> Sequence[ColumnElement[bool]]:
    return [case.fragment.label(f"c{number}") for number, case in enumerate(cases)]


def _batches(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    """Yield batches of cases; each batch is one statement."""
    size = CASES_PER_STATEMENT
    return (cases[start : start + size] for start in range(0, len(cases), size))
