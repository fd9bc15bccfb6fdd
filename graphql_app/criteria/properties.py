"""Custom properties: values in a JSON document, compared by their kind.

A value is text, a number, a date or yes/no. An operator compares values of one kind, and a value of
another kind counts as no value. A date is a text such as 2024-05-01, or an ISO 8601 instant with
its offset. Numbers are 64-bit floating-point numbers, as in JSON. A text that is a plain decimal
number, such as "12" or "-3.5", is a number as well. Texts are compared as ``fold`` returns them;
names of properties are compared exactly.

For a list, each element is compared, and a positive operator matches if at least one element does.
Lists and objects within a list do not count.

This module is long because each kind of value has operators, SQL, a description and suggestions.
"""

from collections.abc import Callable
from typing import TypeAlias

from sqlalchemy import ColumnElement, and_, case, column, func, literal, not_, null, or_, select

from graphql_app.audience.tables import Expression, Statement
from graphql_app.criteria import comparisons
from graphql_app.criteria.describe import describe_clause
from graphql_app.criteria.field_types import OneOrMore, Text, WrittenDay
from graphql_app.criteria.fields import form_field
from graphql_app.criteria.form import Condition, Form
from graphql_app.criteria.interval import Interval
from graphql_app.criteria.number_types import Days, Number
from graphql_app.criteria.operators import NumberOperator, Operator
from graphql_app.criteria.scope import Scope
from graphql_app.criteria.texts import fold, folded, folded_column, offered, suggest_spellings
from graphql_app.criteria.written_times import (
    DAY_PATTERN,
    INSTANT_PATTERN,
    times_ago,
    times_on,
    written_month_and_day,
    written_time,
)


class PropertyOperator(Operator):
    """How to compare a property. Each operator goes with values of one kind, IS_SET with any."""

    ANY_OF = "ANY_OF"
    NONE_OF = "NONE_OF"
    CONTAINS = "CONTAINS"
    NOT_CONTAINS = "NOT_CONTAINS"
    STARTS_WITH = "STARTS_WITH", "starts with"
    NOT_STARTS_WITH = "NOT_STARTS_WITH", "does not start with", "STARTS_WITH"
    EQUALS = "EQUALS"
    NOT_EQUALS = "NOT_EQUALS"
    GREATER_THAN = "GREATER_THAN"
    AT_LEAST = "AT_LEAST"
    LESS_THAN = "LESS_THAN"
    AT_MOST = "AT_MOST"
    BETWEEN = "BETWEEN"
    ON = "ON"
    NOT_ON = "NOT_ON"
    BEFORE = "BEFORE"
    ON_OR_BEFORE = "ON_OR_BEFORE"
    AFTER = "AFTER"
    ON_OR_AFTER = "ON_OR_AFTER"
    BETWEEN_DAYS = "BETWEEN_DAYS", "is between the dates"
    IN_LAST = "IN_LAST"
    NOT_IN_LAST = "NOT_IN_LAST"
    MORE_THAN_AGO = "MORE_THAN_AGO"
    IS_TRUE = "IS_TRUE", "is yes"
    IS_FALSE = "IS_FALSE", "is no"
    IS_SET = "IS_SET"
    IS_NOT_SET = "IS_NOT_SET"


_Op = PropertyOperator
WITH_TEXTS = (_Op.ANY_OF, _Op.NONE_OF)
WITH_TEXT = (_Op.CONTAINS, _Op.NOT_CONTAINS, _Op.STARTS_WITH, _Op.NOT_STARTS_WITH)
WITH_NUMBER = tuple(PropertyOperator[operator.name] for operator in NumberOperator)
WITH_DATE = (
    *(
        PropertyOperator[operator.name]
        for operator in comparisons.WITH_DATE
        if operator.name != "BETWEEN"
    ),
    _Op.BETWEEN_DAYS,
)
WITH_DAYS = tuple(PropertyOperator[operator.name] for operator in comparisons.WITH_DAYS)
OF_YES_AND_NO = (_Op.IS_TRUE, _Op.IS_FALSE)
OF_ANY_KIND = (_Op.IS_SET, _Op.IS_NOT_SET)

PLAIN_NUMBER = r"^-?[0-9]{1,100}(\.[0-9]{1,100})?$"
SAMPLE = 100_000

FoldSql: TypeAlias = Callable[[Expression], ColumnElement[str]]

ELEMENT: ColumnElement[str] = column("list_element")  # in functions of lists, an element as JSON


def any_element(
    elements: ColumnElement[list[str]], condition: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Return a SQL condition that is true if a condition on ``ELEMENT`` holds for any element."""
    # The engine parses ``element -> condition`` as this call.
    holds = getattr(func, "lambda")(func.tuple(ELEMENT), func.coalesce(condition, literal(False)))
    return func.arrayExists(holds, elements) == 1


def _number(*value: Expression | str) -> ColumnElement[float]:
    """Return SQL for a number, also written as text; NULL for other values."""
    kind, text = _kind(*value), func.JSONExtractString(*value)
    return func.multiIf(
        kind.in_(["Int64", "UInt64", "Double"]),
        func.JSONExtractFloat(*value),
        and_(kind == "String", func.match(text, PLAIN_NUMBER)),
        func.toFloat64OrNull(text),
        null(),
    )


def _kind(document: Expression | str, *path: Expression | str) -> ColumnElement[str]:
    kind = func.JSONType(document, *path)
    if path:
        return kind
    # The engine writes 1e20 in a list with all of its digits, and would read these as a text.
    return func.multiIf(func.match(document, "^-?[0-9]"), "Double", func.toString(kind))


def _as_it_is(text: Expression) -> ColumnElement[str]:
    return func.toString(text)


class PropertyForm(Form):
    """A comparison of one property of a JSON document."""

    operator: PropertyOperator
    property: Text = form_field("Property", placeholder="favorite_color", suggests=True)
    texts: OneOrMore[Text] | None = form_field(
        "Values", used_with=WITH_TEXTS, placeholder="red", suggests=True
    )
    text: Text | None = form_field(
        "Text", used_with=WITH_TEXT, description="Upper and lower case do not matter."
    )
    number: Number | None = form_field("Number", used_with=WITH_NUMBER, placeholder="10")
    number_up_to: Number | None = form_field(
        "Up to", used_with=(_Op.BETWEEN,), placeholder="20", not_below="number"
    )
    date: WrittenDay | None = form_field("Date", used_with=WITH_DATE)
    date_up_to: WrittenDay | None = form_field(
        "Up to", used_with=(_Op.BETWEEN_DAYS,), not_below="date"
    )
    days: Days | None = form_field(
        "Days",
        used_with=WITH_DAYS,
        placeholder="30",
        description="Calendar days, 1 for today. Values with a time of day: times 24 hours.",
    )

    def holds(self, document: Expression, scope: Scope) -> ColumnElement[bool]:
        """Return a SQL condition that is true if a document's property matches, else false."""
        holds = func.coalesce(self._positive(document, scope), literal(False))
        return not_(holds) if self.operator.negated else holds

    def _positive(self, document: Expression, scope: Scope) -> ColumnElement[bool]:
        compares_text = self.texts is not None or self.text is not None
        folded_document = folded_column(document) if compares_text else None
        if folded_document is not None:
            document = folded_document
        fold_sql = folded if folded_document is None else _as_it_is
        of_element = and_(_kind(ELEMENT) != "Object", self._value_holds(scope, fold_sql, ELEMENT))
        elements = func.JSONExtractArrayRaw(document, self.property)
        return or_(
            self._value_holds(scope, fold_sql, document, self.property),
            and_(_kind(document, self.property) == "Array", any_element(elements, of_element)),
        )

    def _value_holds(
        self, scope: Scope, fold_sql: FoldSql, *value: Expression | str
    ) -> ColumnElement[bool]:
        """Return a SQL condition that is true if a single value matches the positive operator.

        ``value`` is a JSON document, or an object and the name of its property; ``fold_sql`` folds
        its text.
        """
        operator = self.operator.positive
        kind, text = _kind(*value), func.JSONExtractString(*value)
        if self.texts is not None:
            wanted = dict.fromkeys(map(fold, self.texts))
            return and_(kind == "String", fold_sql(text).in_(wanted))
        if self.text is not None:
            position = func.position(fold_sql(text), fold(self.text))
            found = position == 1 if operator is _Op.STARTS_WITH else position > 0
            return and_(kind == "String", found)
        if self.number is not None:
            up_to = None if self.number_up_to is None else float(self.number_up_to)
            inside = comparisons.compared(operator, float(self.number), up_to)
            return inside.clause(_number(*value))
        times = self._times(scope)
        if times is not None:
            # The text of a number, a boolean or an object never has the form of a date.
            return times.clause(written_time(text))
        if operator is _Op.IS_SET:
            return and_(kind.not_in(["Null", "Array"]), or_(kind != "String", text != ""))
        answer = 1 if operator is _Op.IS_TRUE else 0
        return and_(kind == "Bool", func.JSONExtractBool(*value) == answer)

    def _times(self, scope: Scope) -> Interval[int] | None:
        """Return the dates that match the positive operator, if it compares dates."""
        if self.date is not None:
            return times_on(self.operator.positive, self.date, self.date_up_to, scope)
        if self.days is not None:
            return times_ago(self.operator.positive, self.days, scope)
        return None

    def clause(self, scope: Scope, subject: str) -> str:
        """Return the comparison as a clause, e.g. "color is any of red or blue"."""
        if self.days is not None:
            return f"{subject} {self._words_of_days(self.days)}"
        return describe_clause(self, scope, subject, without=("property",))

    def _words_of_days(self, days: int) -> str:
        """Say what days mean for values that are dates and for those with a time of day."""
        label = self.operator.label
        if days > 1:
            return f"{label} {days:,} calendar days ({days:,} times 24 hours if it has a time)"
        if self.operator is _Op.MORE_THAN_AGO:
            return f"{label} yesterday (than 24 hours if it has a time)"
        is_today = label.removesuffix(" in the last")
        again = "not in" if self.operator.negated else "in"
        return f"{is_today} today ({again} the last 24 hours if it has a time)"


class PropertyCondition(PropertyForm, Condition):
    """A comparison of a property of a counted fact, such as an event."""

    def describe(self, scope: Scope) -> str:
        """Return the condition as a clause, e.g. ``"color" is any of red``."""
        return self.clause(scope, f'"{self.property}"')


def _names_of(*operators: PropertyOperator) -> ColumnElement[list[str]]:
    return func.array(*(operator.value for operator in (*operators, *OF_ANY_KIND)))


def suggest_properties(documents: Statement, search: str, kind: str | None = None) -> Statement:
    """Return the names of properties, most frequent first, each with its most common kind of value.

    Of a list, each element counts.

    Args:
        documents: A statement of one column of JSON documents; only the first 100,000 count.
        search: Part of the name.
        kind: The only kind to return: number, yes/no, date, text, or "text or number" for texts
            that are plain decimal numbers.
    """
    document = documents.limit(SAMPLE).subquery().c[0]
    pairs = select(func.arrayJoin(func.JSONExtractKeysAndValuesRaw(document)).label("pair"))
    pair = pairs.subquery().c.pair
    name: ColumnElement[str] = func.tupleElement(pair, 1)
    raw: ColumnElement[str] = func.tupleElement(pair, 2)
    each = func.arrayJoin(_elements(raw)).label("raw")
    values = select(name.label("name"), each).where(*offered(name, search)).subquery()
    name, raw = values.c.name, values.c.raw
    # For a list or an object the engine returns its JSON as a text.
    text = case((func.startsWith(raw, '"'), func.JSONExtractString(raw)), else_="")
    its_kind = func.multiIf(
        func.match(raw, "^-?[0-9]"),
        "number",
        raw.in_(["true", "false"]),
        "yes/no",
        or_(func.match(text, DAY_PATTERN), func.match(text, INSTANT_PATTERN)),
        "date",
        func.match(text, PLAIN_NUMBER),
        "text or number",
        text != "",
        "text",
        "",
    )
    counted = (
        select(name.label("name"), its_kind.label("kind"), func.count().label("number"))
        .where(its_kind != "")
        .group_by(name, its_kind)
        .subquery()
    )
    kinds = (
        select(
            counted.c.name,
            func.argMax(counted.c.kind, counted.c.number).label("kind"),
            func.sum(counted.c.number).label("number"),
        )
        .group_by(counted.c.name)
        .subquery()
    )
    found = kinds.c.kind
    operators = func.multiIf(
        found == "number",
        _names_of(*WITH_NUMBER),
        found == "yes/no",
        _names_of(*OF_YES_AND_NO),
        found == "date",
        _names_of(*WITH_DATE, *WITH_DAYS),
        found == "text or number",
        _names_of(*WITH_TEXTS, *WITH_TEXT, *WITH_NUMBER),
        _names_of(*WITH_TEXTS, *WITH_TEXT),
    )
    properties = select(kinds.c.name, func.concat(kinds.c.name, " (", found, ")"), operators)
    if kind is not None:
        properties = properties.where(found == kind)
    return properties.order_by(kinds.c.number.desc(), kinds.c.name)


def written_times_of(documents: Statement, name: str) -> Statement:
    """Return (document id, date) rows for a property; dates are whole numbers.

    ``documents`` is a statement of an id and a JSON document. A list gives a row for each element
    that is a date.
    """
    return _of_each_date(documents, name, written_time)


def months_and_days_of(documents: Statement, name: str, scope: Scope) -> Statement:
    """Return (document id, month and day) rows for a property, with 229 for February 29.

    As ``written_times_of``; the day of an instant is in the shop's time zone.
    """
    return _of_each_date(documents, name, lambda text: written_month_and_day(text, scope))


def _of_each_date(
    documents: Statement, name: str, number_of: Callable[[Expression], ColumnElement[int]]
) -> Statement:
    document = documents.subquery().c
    raw = func.arrayJoin(_elements(func.JSONExtractRaw(document[1], name))).label("raw")
    each = select(document[0].label("id"), raw).subquery().c
    number = number_of(func.JSONExtractString(each.raw))
    return select(each.id, number).where(number.is_not(None))


def _elements(raw: Expression) -> ColumnElement[list[str]]:
    """Return SQL for the elements of a JSON list, or for any other JSON value by itself."""
    is_list = func.startsWith(raw, "[")
    return func.multiIf(is_list, func.JSONExtractArrayRaw(raw), func.array(raw))


def suggest_values(documents: Statement, name: str, search: str) -> Statement:
    """Return the texts of a property that contain the search, the most frequent first.

    ``documents`` is a statement of one column of JSON documents; only the first 100,000 count.
    """
    [given] = documents.selected_columns
    folded_document = folded_column(given)
    copies = documents.add_columns(
        (given if folded_document is None else folded_document).label("b")
    )
    document, copy = copies.limit(SAMPLE).subquery().c
    # Folding keeps the number of elements, so the two lists go together.
    pairs = func.arrayZip(
        *(_elements(func.JSONExtractRaw(each, name)) for each in (document, copy))
    )
    pair = select(func.arrayJoin(pairs).label("pair")).subquery().c.pair
    raw, second = func.tupleElement(pair, 1), func.JSONExtractString(func.tupleElement(pair, 2))
    text_folded = folded(second) if folded_document is None else second
    return suggest_spellings(
        func.JSONExtractString(raw), text_folded, search, _kind(raw) == "String"
    )
