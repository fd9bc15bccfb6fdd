"""The bench on which a criterion is tried: made-up shops, rules for them, and what is answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, not_, select
from sqlmodel import col

from graphql_app.audience.tables import Contact
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
from graphql_app.testing.findings import shown
from graphql_app.testing.form_filling import Document, Filler
from graphql_app.testing.sample_facts import NOW
from graphql_app.testing.sample_shops import MadeShop

AT_ONCE = 25


@dataclass(frozen=True, eq=False)
class Case:
    """A rule that is the criterion alone, asked about at an instant."""

    criterion: Criterion
    scope: Scope

    @cached_property
    def fields(self) -> Document:
        """The rule's fields, as a rule has them."""
        found: Document = document(self.criterion)[self.criterion.key]
        return found

    @property
    def shown(self) -> str:
        """The fields, as an example in a report."""
        return shown(self.fields)

    @cached_property
    def positive(self) -> Case:
        """The case, or its positive twin."""
        operator = self.criterion.operator
        if not operator.negated:
            return self
        return Case(self.criterion.model_copy(update={"operator": operator.positive}), self.scope)

    @cached_property
    def fragment(self) -> ColumnElement[bool]:
        """The rule's SQL, checked as the host checks it."""
        return checked(self.criterion.fragment(self.scope), self.criterion.key)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine says of each contact: in the rule, in its complement, or neither 0 nor 1."""

    members: frozenset[int]
    others: frozenset[int]
    neither: frozenset[int]


@dataclass(frozen=True)
class Bench:
    """One criterion among generated shops.

    Attributes:
        kind: The criterion.
        services: The stores; their registry has just this criterion.
        examples: The author's rules, as fields.
        words: Texts for the shops to have, beside those that they all have.
        scope: The zone and currency of the shops, at one instant.
    """

    kind: type[Criterion]
    services: Services
    examples: Sequence[Mapping[str, Any]]
    words: Sequence[str]
    _known: dict[int, dict[Case, Answer]] = field(default_factory=dict)

    @cached_property
    def shop(self) -> MadeShop:
        """A shop full of hostile texts."""
        shop = MadeShop(self.services, new_shop_id(), "shop", self.words)
        shop.record()
        return shop

    @cached_property
    def twin(self) -> MadeShop:
        """The same shop, with every text made plain."""
        twin = replace(self.shop, id=new_shop_id(), harmless=True)
        twin.record()
        return twin

    @cached_property
    def scope(self) -> Scope:
        """See the attributes."""
        return shop_scope(self.shop.access.shop, NOW)

    def case(self, fields: Mapping[str, Any]) -> Case | None:
        """The case of some fields; none where the criterion refuses them."""
        try:
            form, problems = read_form(self.kind, fields)
        except Exception:  # what checks of the form will tell
            return None
        return None if form is None or problems else Case(form, self.scope)

    @cached_property
    def filler(self) -> Filler:
        """Fills forms in with what the shop has."""
        known: dict[str, Sequence[Option]] = {}

        def offer(field: str, given: Mapping[str, Any]) -> Sequence[Option]:
            asked = f"{field} {given!r}"
            if asked not in known:
                try:
                    known[asked] = self.suggested(self.shop, field, given=given)
                except Exception:  # what a check of suggestions will tell
                    known[asked] = ()
            return known[asked]

        return Filler(offer)

    @cached_property
    def cases(self) -> Sequence[Case]:
        """The author's examples and the forms filled in, as far as they are valid, each once."""
        filled = (*self.examples, *self.filler.documents(self.kind))
        found = [case for fields in filled if (case := self.case(fields)) is not None]
        return list({key(case.criterion): case for case in found}.values())

    def one_per_shape(self, cases: Sequence[Case]) -> Sequence[Case]:
        """Of the cases with the same operator and fields, the first."""
        shapes: dict[tuple[str, ...], Case] = {}
        for case in cases:
            shapes.setdefault((case.criterion.operator, *case.fields), case)
        return list(shapes.values())

    def suggested(
        self, shop: MadeShop, field: str, search: str = "", given: Mapping[str, Any] | None = None
    ) -> Sequence[Option]:
        """What a shop's form offers for a field."""
        reader = FactReader(self.services.audience, shop.id, self.scope)
        registry, key = self.services.registry, self.kind.key
        return suggestions(reader, registry, key, field, search, MAX_SUGGESTIONS, given=given or {})

    def answers(self, cases: Sequence[Case], shop: MadeShop) -> list[Answer]:
        """What the engine answers to each case about all contacts; each is asked once.

        Raises:
            AppError: The engine fails.
        """
        known = self._known.setdefault(shop.id, {})
        new = [case for case in cases if case not in known]
        known.update(zip(new, self.ask(new, shop), strict=True))
        return [known[case] for case in cases]

    def members(self, cases: Sequence[Case], shop: MadeShop) -> list[frozenset[int]]:
        """The contacts of a shop that match each case."""
        return [answer.members for answer in self.answers(cases, shop)]

    def ask(
        self, cases: Sequence[Case], shop: MadeShop, contacts: Sequence[int] | None = None
    ) -> list[Answer]:
        """What the engine answers now, about all contacts or as if there were but some.

        Raises:
            AppError: The engine fails.
        """
        found: list[Answer] = []
        for start in range(0, len(cases), AT_ONCE):
            found += self._ask(cases[start : start + AT_ONCE], shop, contacts)
        return found

    def _ask(
        self, cases: Sequence[Case], shop: MadeShop, contacts: Sequence[int] | None
    ) -> Iterator[Answer]:
        """As the host asks: every criterion is a column, and its complement is made of that."""
        labelled = [case.fragment.label(f"c{number}") for number, case in enumerate(cases)]
        rows_of_all = select(col(Contact.id), *labelled).subquery()
        contact, *answers = rows_of_all.c
        asked = [side for answer in answers for side in (answer, not_(answer))]
        rows = self.services.audience.fetch_rows(select(contact, *asked), shop.id, contacts)
        for place in range(1, 2 * len(cases), 2):
            yield Answer(
                members=frozenset(row[0] for row in rows if row[place]),
                others=frozenset(row[0] for row in rows if row[place + 1]),
                neither=frozenset(row[0] for row in rows if row[place] not in (0, 1)),
            )

    def contacts(self) -> frozenset[int]:
        """All contacts of the shop."""
        rows = self.services.audience.fetch_rows(select(col(Contact.id)), self.shop.id)
        return frozenset(row[0] for row in rows)
