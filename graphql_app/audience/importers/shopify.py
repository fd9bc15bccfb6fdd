"""What the exports of Shopify have in common: columns by name, and how values are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphql_app.audience.facts import SHOPIFY_EXPORTS
from graphql_app.audience.importers.report import bad_file
from graphql_app.audience.importers.source import Block, Source

CUSTOMERS, ORDERS = SHOPIFY_EXPORTS

_MARKS = {
    CUSTOMERS: {"First Name", "Email", "Accepts SMS Marketing"},
    ORDERS: {"Name", "Lineitem name", "Lineitem quantity"},
}

_NUMBERS = {"Id", "Customer ID", "Phone"}


def recognise(columns: Iterable[str]) -> str | None:
    """Which export has these columns; an incomplete one is recognised too."""
    names = set(columns)
    return next((name for name, marks in _MARKS.items() if marks <= names), None)


def require_columns(source: Source, required: Sequence[str | tuple[str, ...]]) -> list[str]:
    """The names of the required columns in the file; of a tuple, the first that is there.

    Raises:
        InvalidInputError: A required column is missing, or there more than once.
    """
    if source.kind != "CSV":
        raise bad_file(source.path, "Shopify's exports are CSV files.")
    found = []
    for choice in required:
        names = (choice,) if isinstance(choice, str) else choice
        name = next((name for name in names if name in source.columns), None)
        if name is None:
            raise bad_file(
                source.path,
                f'the column "{names[0]}" is missing; export the file again with all its columns.',
            )
        if source.columns.count(name) > 1:
            raise bad_file(source.path, f'the column "{name}" is there more than once.')
        found.append(name)
    return found


def texts(block: Block, column: str) -> list[str]:
    """A column's values; numbers without the apostrophe that keeps spreadsheets from them."""
    values = list(block.columns[column])
    return [value.removeprefix("'") for value in values] if column in _NUMBERS else values


def time(value: str) -> str:
    """A time as ISO 8601 has it: Shopify puts a space before the offset."""
    if value[19:20] == " ":
        value = value[:19] + value[20:]
    return value.replace("UTC", "Z")
