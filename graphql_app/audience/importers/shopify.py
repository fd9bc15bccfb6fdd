"""What Shopify's exports have in common: their columns, and how they write values."""

from collections.abc import Iterable, Sequence

from graphql_app.audience.facts import SHOPIFY_EXPORTS
from graphql_app.audience.importers.report import bad_file
from graphql_app.audience.importers.source import Block, Source

CUSTOMERS, ORDERS = SHOPIFY_EXPORTS

_DISTINCTIVE_COLUMNS = {
    CUSTOMERS: {"First Name", "Email", "Accepts SMS Marketing"},
    ORDERS: {"Name", "Lineitem name", "Lineitem quantity"},
}

_NUMBERS = {"Id", "Customer ID", "Phone", "Billing Phone", "Shipping Phone"}


def detect_export(columns: Iterable[str]) -> str | None:
    """Return the export with these columns, even if some of its columns are missing."""
    names = set(columns)
    return next((name for name, own in _DISTINCTIVE_COLUMNS.items() if own <= names), None)


def find_columns(source: Source, required: Sequence[str | tuple[str, ...]]) -> list[str]:
    """Return the names of the required columns.

    A tuple lists alternatives; the first one present is used.

    Raises:
        InvalidInputError: The file is not CSV or Excel, or a column is missing or occurs twice.
    """
    if not source.file_type.has_cells:
        raise bad_file(source.path, "a Shopify export must be a CSV file; export it as plain CSV.")
    found = []
    for choice in required:
        names = (choice,) if isinstance(choice, str) else choice
        name = next((name for name in names if name in source.columns), None)
        if name is None:
            message = f'the column "{names[0]}" is missing; export the file again with all columns.'
            raise bad_file(source.path, message)
        if source.columns.count(name) > 1:
            raise bad_file(source.path, f'the column "{name}" occurs more than once.')
        found.append(name)
    return found


def read_texts(block: Block, column: str) -> list[str]:
    """Read a column; numbers lose the apostrophe that makes spreadsheets treat them as text."""
    values = list(block.columns[column])
    return [value.removeprefix("'") for value in values] if column in _NUMBERS else values


def normalize_time(value: str) -> str:
    """Remove the space before the offset and write UTC as Z, for the parser of times."""
    if value[19:20] == " ":
        value = value[:19] + value[20:]
    return value.replace("UTC", "Z")
