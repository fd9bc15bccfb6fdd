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

AT_ONCE = 25


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
class Answer:
    """The contacts in a rule, in its complement, and those whose condition is neither 0 nor 1."""

    members: frozenset[int]
    others: frozenset[int]
    undecided: frozenset[int]

    @property
    def complement(self) -> Answer:
        """The answer of the negated rule: any number but 0 counts as true, and NULL stays NULL."""
        return Answer(self.others, self.members, self.undecided - self.members)


@lru_cache(maxsize=32)
def _record(
    audience: Audience, recorder: Recorder, words: tuple[str, ...], harmless: bool
) -> MadeShop:
    """Record a shop once for all criteria that are checked with the same stores and words."""
    shop = MadeShop(audience, recorder, new_shop_id(), "shop", words, harmless)
    shop.record()
    return shop


@dataclass(frozen=True)
class Harness:
    """A criterion with generated shops, whose texts include ``words``.

    The services' registry has only this criterion; ``examples`` are the author's rules, as fields.
    """

    kind: type[Criterion]
    services: Services
    examples: Sequence[Mapping[str, Any]]
    words: Sequence[str]
    _cases: dict[str, Case] = field(default_factory=dict)
    _known: dict[int, dict[Case, Answer]] = field(default_factory=dict)

    @cached_property
    def shop(self) -> MadeShop:
        """Return a shop with hostile texts, recorded."""
        return self._recorded(harmless=False)

    @cached_property
    def plain_shop(self) -> MadeShop:
        """Return the same shop with every text made plain, recorded."""
        return self._recorded(harmless=True)

    def _recorded(self, harmless: bool) -> MadeShop:
        return _record(self.services.audience, self.services.recorder, tuple(self.words), harmless)

    @cached_property
    def scope(self) -> Scope:
        """Return the shops' zone and currency at ``NOW``."""
        return shop_scope(self.shop.access.shop, NOW)

    def case(self, fields: Mapping[str, Any]) -> Case | None:
        """Return the case of some fields, the same one for equal rules; None if invalid."""
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

    def source(self, case: Case) -> Case:
        """Return the case with the same SQL, apart from its negation.

        Unless ``fragment`` is overridden, it is the positive case.
        """
        return self.positive(case) if self.kind.fragment is Criterion.fragment else case

    def _case_of(self, criterion: Criterion) -> Case:
        return self._cases.setdefault(key(criterion), Case(criterion, self.scope))

    @cached_property
    def filler(self) -> Filler:
        known: dict[str, Sequence[Option]] = {}

        def offer(field: str, given: Mapping[str, Any]) -> Sequence[Option]:
            key = f"{field} {given!r}"
            if key not in known:
                try:
                    known[key] = self.suggest(self.shop, field, given=given)
                except Exception:  # reported by the checks of suggestions
                    known[key] = ()
            return known[key]

        return Filler(offer)

    @cached_property
    def cases(self) -> Sequence[Case]:
        """Return the valid rules among the author's examples and the generated ones, each once."""
        filled = (*self.examples, *self.filler.documents(self.kind))
        found = (case for fields in filled if (case := self.case(fields)) is not None)
        return list(dict.fromkeys(found))

    def one_per_shape(self, cases: Sequence[Case]) -> Sequence[Case]:
        """Return the first case for each set of operator and fields."""
        shapes: dict[tuple[str, ...], Case] = {}
        for case in cases:
            shapes.setdefault((case.criterion.operator, *case.fields), case)
        return list(shapes.values())

    def suggest(
        self, shop: MadeShop, field: str, search: str = "", given: Mapping[str, Any] | None = None
    ) -> Sequence[Option]:
        reader = FactReader(self.services.audience, shop.id, self.scope)
        registry, key = self.services.registry, self.kind.key
        return suggestions(reader, registry, key, field, search, MAX_SUGGESTIONS, given=given or {})

    def answers(self, cases: Sequence[Case], shop: MadeShop) -> list[Answer]:
        """Evaluate each case for all contacts, or return its cached answer.

        Raises:
            AppError: The engine fails.
        """
        known = self._known.setdefault(shop.id, {})
        sources = [self.source(case) for case in cases]
        new = [case for case in dict.fromkeys(sources) if case not in known]
        for some in _at_once(new):
            known.update(zip(some, self._answers(some, shop), strict=True))
        return [
            known[source] if case is source else known[source].complement
            for case, source in zip(cases, sources, strict=True)
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
        for some in _at_once(cases):
            statement = select(col(Contact.id), *_columns(some))
            rows = self.fetch_rows(statement, shop, contacts)
            found += (
                frozenset(row[0] for row in rows if row[number])
                for number in range(1, len(some) + 1)
            )
        return found

    def _answers(self, cases: Sequence[Case], shop: MadeShop) -> Iterator[Answer]:
        """Evaluate cases like the server: one column per criterion, negated for the complement."""
        contact, *answers = select(col(Contact.id), *_columns(cases)).subquery().c
        conditions = [side for answer in answers for side in (answer, not_(answer))]
        rows = self.fetch_rows(select(contact, *conditions), shop)
        for column in range(1, 2 * len(cases), 2):
            yield Answer(
                members=frozenset(row[0] for row in rows if row[column]),
                others=frozenset(row[0] for row in rows if row[column + 1]),
                undecided=frozenset(row[0] for row in rows if row[column] not in (0, 1)),
            )

    def fetch_rows(
        self, statement: Statement, shop: MadeShop, contacts: Sequence[int] | None = None
    ) -> Sequence[Any]:
        """Execute a statement on the facts of a shop, or of some contacts, as of the instant."""
        audience = self.services.audience
        as_of = AsOf(self.scope.now, audience.tables)
        return audience.fetch_rows(statement, shop.id, contacts, as_of=as_of)

    def contacts(self) -> frozenset[int]:
        rows = self.services.audience.fetch_rows(select(col(Contact.id)), self.shop.id)
        return frozenset(row[0] for row in rows)


def _columns(cases: Sequence[Case]) -> Sequence[ColumnElement[bool]]:
    return [case.fragment.label(f"c{number}") for number, case in enumerate(cases)]


def _at_once(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    """Yield the cases to evaluate in one statement each."""
    return (cases[start : start + AT_ONCE] for start in range(0, len(cases), AT_ONCE))
