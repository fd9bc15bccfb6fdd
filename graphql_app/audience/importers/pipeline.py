"""Importing a file: check all of it, then record all of it, or, with a bad row in it, nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from graphql_app.audience.facts import LINES, ORDERS, SHOPIFY_EXPORTS, FactType
from graphql_app.audience.importers import shopify
from graphql_app.audience.importers.csv_file import open_csv
from graphql_app.audience.importers.existing_rows import Recorded
from graphql_app.audience.importers.fact_file import FactLayout, Layout
from graphql_app.audience.importers.ndjson_file import open_ndjson
from graphql_app.audience.importers.parquet_file import open_parquet
from graphql_app.audience.importers.report import (
    CHECKING,
    RECORDING,
    BadRows,
    ImportReport,
    Progress,
    bad_file,
)
from graphql_app.audience.importers.shopify_customers import CustomersLayout
from graphql_app.audience.importers.shopify_orders import OrdersLayout
from graphql_app.audience.importers.source import Source, open_file
from graphql_app.audience.importers.spool import Spool, open_spool, record
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience

_OPENERS = {
    ".csv": open_csv,
    ".ndjson": open_ndjson,
    ".jsonl": open_ndjson,
    ".parquet": open_parquet,
}


def formats(facts: Mapping[str, FactType]) -> tuple[str, ...]:
    """What a file may hold."""
    return (*facts, *SHOPIFY_EXPORTS)


def import_file(
    path: Path,
    *,
    format: str | None = None,
    shop_id: int,
    shop_currency: str,
    audience: Audience,
    recorder: Recorder,
    skip_bad_rows: bool = False,
    now: datetime | None = None,
    subscribed_at: datetime | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a file of facts.

    Args:
        path: A ``.csv``, ``.ndjson``, ``.jsonl`` or ``.parquet`` file.
        format: What it holds, one of ``formats``; ``None`` tells it from the names of its columns.
        shop_id: Whose facts.
        shop_currency: The shop's currency, ISO 4217.
        audience: Where the facts are read; its facts are what a file may hold.
        recorder: Where they are recorded.
        skip_bad_rows: Record the other rows where some are bad, instead of nothing.
        now: The time of the import, with its zone.
        subscribed_at: For a customers export of Shopify: since when those who accept texts and are
            not known as subscribed yet are subscribed; by default the time of the import.
        progress: Is told how far the import is.

    Raises:
        InvalidInputError: The file as a whole cannot be imported; nothing is recorded.
        AppError: The store failed.
    """
    now = now or datetime.now(UTC)
    tell: Progress = progress or (lambda phase, done, total: None)
    recorded = Recorded(audience, shop_id)
    with ExitStack() as stack:
        with _reading(path):
            source = _open(path, stack)
        name = format or _recognised(source, audience.facts)
        layout: Layout
        if name == shopify.CUSTOMERS:
            layout = CustomersLayout(source, recorded, now, subscribed_at)
        elif name == shopify.ORDERS:
            layout = OrdersLayout(source, recorded, shop_currency)
        elif name in audience.facts:
            layout = FactLayout(audience.facts[name], recorded, source)
        else:
            known = ", ".join(formats(audience.facts))
            raise bad_file(path, f'there is no format "{name}"; known are: {known}.')
        layout.require()
        spool = stack.enter_context(open_spool())
        with _reading(path):
            bad, skipped = _check(source, layout, spool, tell)
        counts = {}
        if skip_bad_rows or not bad.count:
            counts = record(
                spool,
                layout.fact,
                layout.has_lines,
                shop_id,
                recorder,
                lambda done: tell(RECORDING, done, spool.rows),
            )
            if spool.rows:
                recorder.merge_parts(shop_id)
    return ImportReport(
        format=name,
        place="row" if source.kind == "Parquet" else "line",
        recorded=counts,
        skipped={layout.fact.name: skipped},
        bad_rows=tuple(bad.kept),
        bad_row_count=bad.count,
    )


def _check(source: Source, layout: Layout, spool: Spool, tell: Progress) -> tuple[BadRows, int]:
    bad, skipped = BadRows(), 0
    tell(CHECKING, 0, source.total)
    for checked in layout.checked(source.blocks):
        bad.add(checked.bad)
        skipped += checked.skipped
        spool.write(checked.rows)
        tell(CHECKING, checked.done, source.total)
    return bad, skipped


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise bad_file(path, f"cannot be read: {error.strerror or error}.") from None


def _open(path: Path, stack: ExitStack) -> Source:
    with open_file(path):
        pass  # says what is wrong with files that no name can mend
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        raise bad_file(path, f"its name must end in one of {', '.join(_OPENERS)}.")
    return opener(path, stack)


def _recognised(source: Source, facts: Mapping[str, FactType]) -> str:
    """The format whose required columns are all there, and to which no other column is unknown.

    Where several are, or none is, the name of the file may say which it is.
    """
    name = shopify.recognise(source.columns) if source.kind == "CSV" else None
    if name:
        return name
    columns = set(source.columns)
    fitting = [fact.name for fact in facts.values() if _fits(fact, columns)]
    if len(fitting) == 1:
        return fitting[0]
    if source.path.stem in (fitting or facts):
        return source.path.stem
    if fitting:
        raise bad_file(
            source.path,
            f"its columns are those of more than one format: {', '.join(fitting)}. Say --format.",
        )
    nearest = max(facts.values(), key=lambda fact: len(columns & {f.name for f in fact.fields}))
    known = {field.name for field in nearest.fields} | _others(nearest)
    wrong = [f"there is no column {name!r}" for name in sorted(columns - known)]
    wrong += [
        f"the column {field.name!r} is missing"
        for field in nearest.fields
        if field.required and field.name not in columns
    ]
    raise bad_file(
        source.path,
        f"its columns are not those of any one format; of {nearest.name}, the nearest: "
        f"{', '.join(wrong)}. Mend the names, or say --format, one of "
        f"{', '.join(formats(facts))}.",
    )


def _fits(fact: FactType, columns: set[str]) -> bool:
    required = {field.name for field in fact.fields if field.required}
    return required <= columns <= {field.name for field in fact.fields} | _others(fact)


def _others(fact: FactType) -> set[str]:
    """The columns that are no fields: the lines of orders, and what follows from fields."""
    return ({LINES.name} if fact is ORDERS else set()) | {*fact.derived_columns}
