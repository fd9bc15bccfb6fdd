"""Facts of a generated shop: up to 90 rows of most tables, identical in every run.

The pools of values are small, so that contacts share values and times fall on the edges of rules.
Some rows are recorded twice, lack every optional field, were cancelled or refunded, or belong to
contacts who were never recorded.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from graphql_app.audience import value_parsers
from graphql_app.audience.column_parser import ValueKind
from graphql_app.audience.facts import LINES, FactField, FactType
from graphql_app.testing.hostile_texts import HOSTILE, ORDINARY

Row = dict[str, Any]

NOW = datetime(2024, 3, 11, 16, 30, 0, 250_000, tzinfo=UTC)
"""The instant of every rule: the day after daylight saving time began in the shops' zone."""

CONTACTS = (*range(1, 26), 2**53 + 1, 2**64 - 1)
WITHOUT_FACTS = (23, 24, 25)
UNRECORDED = (901, 902)
ROWS = 90

_DAY, _HOUR, _MILLISECOND = timedelta(days=1), timedelta(hours=1), timedelta(milliseconds=1)
_EDGES = (
    NOW,
    NOW - _HOUR,
    *(NOW - days * _DAY for days in (1, 2, 7, 30)),
    datetime(2024, 3, 11, 4, tzinfo=UTC),  # midnight in New York, after the change of clocks
    datetime(2024, 3, 10, 5, tzinfo=UTC),  # and before it
)
INSTANTS = (
    *(edge + step for edge in _EDGES for step in (timedelta(), -_MILLISECOND, _MILLISECOND)),
    NOW + 40 * _DAY,
    NOW - 400 * _DAY,
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2199, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
)
AMOUNTS = tuple(map(Decimal, ("10", "0", "5", "15", "50", "50.0001", "99999999999999.9999")))
PHONES = (
    *("+12125550101", "(212) 555-0102", "4155550103", "+441134960104", "0049301234"),
    *("5550105", "n/a"),  # not valid
)
DATES = (
    "2024-03-11", "1990-03-12", "2000-02-29", "2024-03-10", "1985-04-01", "2024-02-30",
    "2024-03-11T03:30:00Z", "2024-03-10T23:30:00-05:00",
)  # fmt: skip
NUMBERS = (10, 1, 2.5, -3, 0, 1e300)
VALUES: Mapping[ValueKind, Sequence[Any]] = {
    value_parsers.INTEGER: (1, 2, 3, 0, -1, 1_000),
    value_parsers.AMOUNT: AMOUNTS,
    value_parsers.TIME: INSTANTS,
    value_parsers.COUNTRY: ("US", "CA", "DE"),
    value_parsers.BOOLEAN: (True, False),
}


class FactMaker:
    """A generator of one shop's rows: each seed makes a different shop, with the same ids.

    ``words`` are texts to use in addition to the ordinary and hostile ones.
    """

    def __init__(self, seed: str, words: Sequence[str] = ()) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret: the same shop in every run
        self._words = (*dict.fromkeys([*words, *ORDINARY, *HOSTILE]),)

    def contacts(self, fact: FactType) -> list[Row]:
        """Return every contact once; ``WITHOUT_FACTS`` lack every optional field."""
        bare = [field.name for field in fact.fields if not field.required]
        return [
            {
                **self._row(fact),
                "id": contact,
                **dict.fromkeys(bare if contact in WITHOUT_FACTS else ()),
            }
            for contact in CONTACTS
        ]

    def products(self, fact: FactType) -> list[Row]:
        """Return a product for every word, with a random word as its title."""
        return [{**self._row(fact), "id": word} for word in self._words]

    def rows(self, fact: FactType) -> list[Row]:
        """Return rows of any other fact."""
        return [self._row(fact) for _ in range(ROWS)]

    def lines(self) -> list[Row]:
        """Return up to three lines of one order."""
        return [self._row(LINES) for _ in range(self._random.randrange(4))]

    def _row(self, fact: FactType) -> Row:
        return {field.name: self._value(fact, field) for field in fact.fields}

    def _value(self, fact: FactType, field: FactField) -> Any:
        choose = self._random.choice
        if fact.names_contact and field.name in ("email", "phone"):
            return None  # every row has the id of its contact
        named = field.name == "contact_id"
        if not (field.required or named) and self._random.random() < 0.25:
            return None
        match (fact.name, field.name):
            case ("orders", "refunded"):
                return choose((None, Decimal(0), *AMOUNTS))
            case ("orders", "cancelled_at"):
                return choose((None, None, None, *INSTANTS[:3]))
            case ("contacts", "phone"):
                return choose(PHONES)
            case ("contacts", "email"):
                return choose(["a@Example.com", "b@Example.com", *self._addresses()])
            case (_, "contact_id"):
                return choose((*(id for id in CONTACTS if id not in WITHOUT_FACTS), *UNRECORDED))
        return self._of_kind(field)

    def _addresses(self) -> list[str]:
        return [f"c@{word}.example" for word in self._words if not set(word) & set("@ \t\n")]

    def _of_kind(self, field: FactField) -> Any:
        choose = self._random.choice
        if field.kind is value_parsers.IDENTIFIER:
            return choose((*range(ROWS), 2**64 - 1))
        if field.kind is value_parsers.TAGS:
            return self._random.sample(self._words, 3)
        if field.kind is value_parsers.PROPERTIES:
            return self._properties()
        return choose(VALUES.get(field.kind, self._words))

    def _properties(self) -> Row:
        """Return a document with 3 of the shared names, and 2 of the shop's texts as names."""
        kinds: Mapping[str, Sequence[Any]] = {
            "favorite_color": (*self._words, 5, True),
            "points": (*NUMBERS, "10"),
            "birthday": (*DATES, "soon"),
            "newsletter": (True, False, "yes"),
            "nested": ({"a": 1}, [1], None, ""),
        }
        names = self._random.sample(sorted(kinds), 3)
        odd = {
            name: self._random.choice(self._words) for name in self._random.sample(self._words, 2)
        }
        return odd | {name: self._random.choice(kinds[name]) for name in names}
