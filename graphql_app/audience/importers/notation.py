"""How files write values: more ways than the API, as long as they have one meaning."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from graphql_app.audience import value_parsers
from graphql_app.audience.column_parser import BadValueError, ValueKind, parse_distinct_texts
from graphql_app.audience.facts import FactType
from graphql_app.audience.importers.ndjson_file import JsonFloat
from graphql_app.audience.importers.source import FileType
from graphql_app.countries import country_code

# Amounts with a decimal comma, and with separators of thousands. A comma before three digits
# could be either.
_DECIMAL_COMMA = re.compile(r"\d+,(\d{1,2}|\d{4})|\d{1,3}(\.\d{3})+,\d{1,4}")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+\.\d{1,4}")
MAX_EXPONENT = 30  # of 10, in JSON; far above that of any amount
_WITHOUT_OFFSET = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?")
_AMBIGUOUS = re.compile(r"\d{1,3}(,\d{3})+")


@dataclass(frozen=True, slots=True)
class Notation:
    """How a file writes times.

    Attributes:
        timezone: The zone of times without an offset; without it, they are bad values. A time that
            the zone's clocks show twice is the first of the two.
        date_format: The format of times, in the codes of ``strptime``; ISO 8601 by default.
    """

    timezone: ZoneInfo | None = None
    date_format: str | None = None

    def apply(self, fact: FactType, file_type: FileType) -> FactType:
        """Return a type of facts whose values may be written as in files of this type."""
        if file_type is FileType.PARQUET:
            return fact
        kinds = {value_parsers.AMOUNT: _AMOUNT, value_parsers.COUNTRY: _COUNTRY}
        if self.timezone is not None or self.date_format is not None:
            parse = partial(_parse_time, self.timezone, self.date_format)
            kinds[value_parsers.TIME] = _kind(value_parsers.TIME, parse)
        fields = (replace(field, kind=kinds.get(field.kind, field.kind)) for field in fact.fields)
        return replace(fact, fields=tuple(fields))


ISO_8601 = Notation()


def _kind(kind: ValueKind, parse: Callable[[Any], Any]) -> ValueKind:
    """Return a kind of value that another function parses if the kind's own does not."""
    distinct = parse_distinct_texts(parse, kind.arrow_type)

    def parse_array(array: Any) -> Any:
        parsed = None if kind.parse_array is None else kind.parse_array(array)
        return distinct(array) if parsed is None else parsed

    return replace(kind, parse_value=parse, parse_array=parse_array)


def _parse_amount(value: Any) -> Decimal:
    if isinstance(value, JsonFloat):
        number = Decimal(value.text)
        # Written without an exponent, a larger one could fill the memory.
        value = format(number, "f") if abs(number.adjusted()) < MAX_EXPONENT else None
    if isinstance(value, str):
        value = value.strip()
        if _DECIMAL_COMMA.fullmatch(value):
            value = value.replace(".", "").replace(",", ".")
        elif _THOUSANDS.fullmatch(value):
            value = value.replace(",", "")
        elif _AMBIGUOUS.fullmatch(value):
            raise BadValueError(
                "has a comma that may separate thousands or decimals; write thousands without a "
                "separator"
            )
    amount: Decimal = value_parsers.AMOUNT.parse_value(value)
    return amount


def _parse_country(value: Any) -> str:
    code = country_code(value) if isinstance(value, str) else None
    parsed: str = value_parsers.COUNTRY.parse_value(value if code is None else code)
    return parsed


def _parse_time(zone: ZoneInfo | None, date_format: str | None, value: Any) -> datetime:
    if date_format is not None:
        try:
            value = datetime.strptime(value, date_format)  # noqa: DTZ007 - gets its zone below
        except (ValueError, TypeError):
            raise BadValueError(f"must be a time in the format {date_format}") from None
    elif isinstance(value, str) and _WITHOUT_OFFSET.fullmatch(value):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        if zone is None:
            raise BadValueError("has no offset; name the zone of its times with --timezone")
        value = value.replace(tzinfo=zone)
    return value_parsers.parse_instant(value)


_AMOUNT = _kind(value_parsers.AMOUNT, _parse_amount)
_COUNTRY = _kind(value_parsers.COUNTRY, _parse_country)
