"""Generated rules: every criterion with every operator and field, with values of the facts.

This module is long because it has a strategy for each criterion.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.parity import generated_facts as pools
from tests.parity.evaluation.facts import Document
from tests.parity.generated_facts import DAY

Fields = SearchStrategy[dict[str, Any]]

ONE_NUMBER = ("EQUALS", "NOT_EQUALS", "GREATER_THAN", "AT_LEAST", "LESS_THAN", "AT_MOST")
ONE_DAY = ("ON", "NOT_ON", "BEFORE", "ON_OR_BEFORE", "AFTER", "ON_OR_AFTER")
AGO = ("IN_LAST", "NOT_IN_LAST", "MORE_THAN_AGO")
PRESENCE = ("IS_SET", "IS_NOT_SET")
SEGMENTS = ("first", "second")


def _fields(
    required: Mapping[str, SearchStrategy[Any]],
    optional: Mapping[str, SearchStrategy[Any]] | None = None,
) -> Fields:
    return st.fixed_dictionaries(dict(required), optional=dict(optional or {}))


def _operator(*names: str) -> SearchStrategy[str]:
    return st.sampled_from(names)


def _values(values: Sequence[str], missing: str = "nobody has this") -> SearchStrategy[list[str]]:
    """Generate values of a pool, a value that no fact has, and duplicates."""
    written = [value for value in values if value.strip()]
    return st.lists(st.sampled_from([*written, missing]), min_size=1, max_size=3)


def _between(operator: str, low: str, high: str, values: SearchStrategy[Any]) -> Fields:
    """Generate two ordered bounds, of numbers or days."""

    def in_order(one: Any, other: Any) -> dict[str, Any]:
        first, second = sorted((one, other), key=_size)
        return {"operator": operator, low: first, high: second}

    return st.builds(in_order, values, values)


def _size(bound: Any) -> Any:
    try:
        return Decimal(bound)
    except ArithmeticError:  # a day
        return bound


@dataclass(frozen=True)
class Criteria:
    """Strategies for every criterion with every operator and optional field."""

    days: SearchStrategy[str]

    @property
    def windows(self) -> SearchStrategy[Document]:
        longest = [("HOURS", 876_000), ("DAYS", 36_500), ("WEEKS", 5_214), ("MONTHS", 1_200)]
        durations = st.sampled_from(
            [{"count": count, "unit": unit} for unit, most in longest for count in (1, 2, most)]
        )
        calendar = st.fixed_dictionaries(
            {
                "which": st.sampled_from(["THIS", "LAST"]),
                "unit": st.sampled_from(["DAY", "WEEK", "MONTH", "QUARTER", "YEAR"]),
            }
        )
        between = _between("", "from", "to", self.days).map(
            lambda fields: {"from": fields["from"], "to": fields["to"]}
        )
        return st.one_of(
            st.fixed_dictionaries({"last": durations}),
            st.fixed_dictionaries({"beforeAgo": durations}),
            st.fixed_dictionaries({"calendar": calendar}),
            st.fixed_dictionaries({"since": self.days}),
            st.fixed_dictionaries({"before": self.days}),
            st.fixed_dictionaries({"between": between}),
        )

    def with_more(
        self,
        forms: Fields,
        optional: Mapping[str, SearchStrategy[Any]] | None = None,
        required: Mapping[str, SearchStrategy[Any]] | None = None,
    ) -> Fields:
        """Generate forms with more fields, such as an optional time window."""
        more = _fields(required or {}, {"within": self.windows, **(optional or {})})
        return st.builds(lambda fields, others: {**fields, **others}, forms, more)

    def numbers(self, bound: str, values: SearchStrategy[Any]) -> Fields:
        return st.one_of(
            _fields({"operator": _operator(*ONE_NUMBER), bound: values}),
            _between("BETWEEN", bound, "upTo", values),
        )

    def optional_numbers(self, bound: str, values: SearchStrategy[Any]) -> Fields:
        """Generate comparisons of an average."""
        return self.numbers(bound, values) | _fields({"operator": _operator(*PRESENCE)})

    @property
    def dates(self) -> Fields:
        return st.one_of(
            _fields({"operator": _operator(*ONE_DAY), "date": self.days}),
            _fields({"operator": _operator(*AGO), "days": st.sampled_from(pools.DAYS)}),
            _between("BETWEEN", "date", "upTo", self.days),
            _fields({"operator": _operator(*PRESENCE)}),
        )

    def sets(self, field: str, values: Sequence[str]) -> Fields:
        operator = _operator("ANY_OF", "ALL_OF", "NONE_OF")
        return _fields({"operator": operator, field: _values(values)})

    def optional_sets(self, field: str, values: Sequence[str]) -> Fields:
        return self.sets(field, values) | _fields({"operator": _operator(*PRESENCE)})

    def texts(self, many: str, values: Sequence[str], one: str, parts: Sequence[str]) -> Fields:
        """Generate comparisons of a text that may be missing, with whole texts and with parts."""
        contains = _operator("CONTAINS", "NOT_CONTAINS")
        return self.choices(many, _values(values, values[0])) | _fields(
            {"operator": contains, one: st.sampled_from(parts)}
        )

    def choices(
        self, field: str, values: SearchStrategy[Any], **optional: SearchStrategy[Any]
    ) -> Fields:
        """Generate comparisons of a value that may be missing."""
        return st.one_of(
            _fields({"operator": _operator("ANY_OF", "NONE_OF"), field: values}, optional),
            _fields({"operator": _operator(*PRESENCE)}),
        )

    @property
    def products(self) -> Fields:
        minimum = st.sampled_from(pools.MINIMUMS)
        by_title = _operator("TITLE_CONTAINS", "NO_TITLE_CONTAINS")
        words = st.sampled_from([*pools.WORDS, "nothing has this"])
        forms = self.optional_sets("products", pools.PRODUCTS) | _fields(
            {"operator": by_title, "words": words}
        )
        return self.with_more(forms, {"minimumTimes": minimum, "minimumUnits": minimum})

    @property
    def properties(self) -> Fields:
        text = _operator("CONTAINS", "NOT_CONTAINS", "STARTS_WITH", "NOT_STARTS_WITH")
        parts = st.sampled_from(["r", "RED", "%", "'", "dark", "é", " "]).filter(str.strip)
        number = st.sampled_from(pools.NUMBERS)
        written = self.days | st.sampled_from(
            ["0001-01-01", "0004-02-29", "1900-01-01", "2000-02-29", "2300-01-01", "9999-12-31"]
        )
        of_values = st.one_of(
            _fields({"operator": _operator("ANY_OF", "NONE_OF"), "texts": _values(pools.TEXTS)}),
            _fields({"operator": text, "text": parts}),
            _fields({"operator": _operator(*ONE_NUMBER), "number": number}),
            _between("BETWEEN", "number", "numberUpTo", number),
            _fields({"operator": _operator(*ONE_DAY), "date": written}),
            _between("BETWEEN_DAYS", "date", "dateUpTo", written),
            _fields({"operator": _operator(*AGO), "days": st.sampled_from(pools.DAYS)}),
            _fields({"operator": _operator("IS_TRUE", "IS_FALSE", *PRESENCE)}),
        )
        name = _fields({"property": st.sampled_from(pools.PROPERTIES)})
        return st.builds(lambda one, other: {**one, **other}, of_values, name)

    @property
    def anniversaries(self) -> Fields:
        of = {"property": st.sampled_from(pools.PROPERTIES)}
        months = ("IS_TODAY", "IS_NOT_TODAY", "IS_THIS_MONTH", "IS_NOT_THIS_MONTH")
        next_days = _operator("IN_NEXT", "NOT_IN_NEXT")
        days = st.sampled_from([1, 2, 40, 365, 36_500])
        return st.one_of(
            _fields({"operator": _operator(*months)}, of),
            _fields({"operator": next_days, "days": days}, of),
        )

    @property
    def by_key(self) -> Mapping[str, Fields]:
        count = self.numbers("count", st.sampled_from(pools.COUNTS))
        amount = st.sampled_from(pools.AMOUNTS)
        state = _operator("IS", "IS_NOT")
        kinds = st.sampled_from(["SUBSCRIBER", "CUSTOMER", "BOTH", "TEXTABLE"])
        statuses = st.sampled_from(["SUBSCRIBED", "UNSUBSCRIBED", "NEVER"])
        conditions = st.lists(self.properties, min_size=1, max_size=2)
        event_name = _fields({"name": st.sampled_from(pools.EVENTS)}, {"conditions": conditions})
        event_date = st.builds(lambda one, other: {**one, **other}, self.dates, event_name)
        return {
            "anniversary": self.anniversaries,
            "areaCode": self.choices("codes", _values(pools.CODES, "999")),
            "averageOrderValue": self.with_more(self.optional_numbers("amount", amount)),
            "city": self.choices("cities", _values(pools.CITIES)),
            "clickRate": self.with_more(
                self.optional_numbers("percent", st.sampled_from(pools.PERCENTS))
            ),
            "contactType": _fields({"operator": state, "type": kinds}),
            "createdDate": self.dates,
            "email": self.texts("emails", pools.EMAILS[1:], "text", pools.EMAIL_PARTS),
            "emailDomain": self.choices("domains", _values(pools.DOMAINS)),
            "event": self.with_more(
                count, {"conditions": conditions}, {"name": st.sampled_from(pools.EVENTS)}
            ),
            "firstEventDate": event_date,
            "firstOrderDate": self.dates,
            "firstTextDate": self.dates,
            "inSegment": _fields({"operator": state, "segment": st.sampled_from(SEGMENTS)}),
            "keyword": self.with_more(self.optional_sets("keywords", pools.KEYWORDS)),
            "lastEventDate": event_date,
            "lastOrderDate": self.dates,
            "lastTextDate": self.dates,
            "location": self.choices(
                "countries", _values(pools.COUNTRIES, "FR"), regions=_values(pools.REGIONS)
            ),
            "ordersPlaced": self.with_more(
                count, {"products": _values(pools.PRODUCTS), "minimumValue": amount}
            ),
            "phone": self.texts("numbers", pools.NUMBERS_SOUGHT, "digits", pools.DIGITS_SOUGHT),
            "productPurchased": self.products,
            "property": self.properties,
            "spend": self.with_more(self.numbers("amount", amount)),
            "subscribeDate": self.dates,
            "subscriptionStatus": _fields({"operator": state, "status": statuses}),
            "tag": self.optional_sets("tags", pools.TAGS),
            "textsClicked": self.with_more(count),
            "textsReceived": self.with_more(count),
            "unsubscribedDate": self.dates,
        }

    def any_but(self, *keys: str) -> Fields:
        return st.one_of(
            [
                st.fixed_dictionaries({key: fields})
                for key, fields in self.by_key.items()
                if key not in keys
            ]
        )


@cache
def edges(zone: str, now: datetime) -> Sequence[Document]:
    """Return criteria with bounds at recorded times."""
    ago: list[Document] = [
        {"operator": operator, "days": number}
        for operator in ("IN_LAST", "MORE_THAN_AGO")
        for number in (1, 2, 7)
    ]
    today = now.astimezone(ZoneInfo(zone)).date()
    on: list[Document] = [
        {"operator": operator, "date": (today + number * DAY).isoformat()}
        for operator in ("ON", "BEFORE", "ON_OR_BEFORE", "AFTER", "ON_OR_AFTER")
        for number in (-1, 0)
    ]
    lasts = [
        {"operator": "EQUALS", "count": 0, "within": {"last": {"count": number, "unit": unit}}}
        for unit in ("HOURS", "DAYS", "MONTHS")
        for number in (1, 2)
    ]
    periods = [
        {
            "operator": "GREATER_THAN",
            "count": 0,
            "within": {"calendar": {"which": which, "unit": unit}},
        }
        for which in ("THIS", "LAST")
        for unit in ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
    ]
    name: Document = {"property": "birthday"}
    comes_round: Document = {"operator": "IN_NEXT", "days": 1}
    return [
        *({key: body} for key in ("subscribeDate", "lastOrderDate") for body in [*ago, *on]),
        *({"textsReceived": body} for body in [*lasts, *periods]),
        *({"property": {**body, **name}} for body in [*ago[:4], *on[:4]]),
        *({"anniversary": body} for body in (comes_round, {**comes_round, **name})),
    ]


def rules(criteria: SearchStrategy[Any], depth: int = 4) -> SearchStrategy[dict[str, Any]]:
    if depth == 1:
        return criteria
    inner = rules(criteria, depth - 1)
    return st.one_of(
        criteria,
        st.fixed_dictionaries({"all": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    )


def segments(criteria: Criteria) -> SearchStrategy[Mapping[str, Document]]:
    """Generate saved segments by name: one about facts, and one that may refer to it."""
    plain = criteria.any_but("inSegment")
    refers = _fields({"operator": _operator("IS", "IS_NOT"), "segment": st.just(SEGMENTS[0])})
    to_first = st.fixed_dictionaries({"inSegment": refers})
    second = to_first | rules(plain | to_first, 2)
    return st.tuples(rules(plain, 2), second).map(
        lambda found: dict(zip(SEGMENTS, found, strict=True))
    )
