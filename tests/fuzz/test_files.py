"""Random and damaged files into every importer: a report or a clear refusal, nothing halfway."""

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphql_app.audience.column_parser import parse_column
from graphql_app.audience.facts import CONTACTS, FACTS, ORDER_LINES, ORDERS, PRODUCTS, FactType
from graphql_app.audience.importers import ImportReport
from graphql_app.errors import AppError, ErrorCode
from graphql_app.runtime.services import Services
from graphql_app.testing.sample_facts import FactMaker, Row
from tests.fact_tables import load_file

SHOPIFY = Path(__file__).parent.parent / "data" / "shopify"

_shops = count(2**41)


def _csv(fact: FactType, rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fact.fields], extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        lists = {name: ",".join(value) for name, value in row.items() if isinstance(value, list)}
        writer.writerow({**row, **lists})
    return text.getvalue().encode(errors="replace")


def _ndjson(fact: FactType, rows: Sequence[Row]) -> bytes:
    return b"".join(json.dumps(row, default=str).encode() + b"\n" for row in rows)


def _parquet(fact: FactType, rows: Sequence[Row]) -> bytes:
    columns = {
        field.name: parse_column(field.kind, [row[field.name] for row in rows], required=False)[0]
        for field in fact.fields
    }
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


WRITERS: Mapping[str, Callable[[FactType, Sequence[Row]], bytes]] = {
    ".csv": _csv,
    ".ndjson": _ndjson,
    ".parquet": _parquet,
}


def _rows(fact: FactType) -> list[Row]:
    maker = FactMaker("files")
    if fact is CONTACTS:
        return maker.contacts(fact)
    return maker.products(fact) if fact is PRODUCTS else maker.rows(fact)


def _sound_files() -> dict[tuple[str, str], bytes]:
    """Return a file for each fact and file type, and the exports of Shopify."""
    made = {
        (name, suffix): write(fact, _rows(fact)[:20])
        for name, fact in FACTS.items()
        if fact is not ORDER_LINES
        for suffix, write in WRITERS.items()
    }
    exports = {
        (f"shopify_{name}", ".csv"): (SHOPIFY / f"{name}_export.csv").read_bytes()
        for name in ("customers", "orders")
    }
    return made | exports


FILES = _sound_files()


def _damage(content: bytes, chance: random.Random) -> bytes:
    """Return a file with some of its bytes changed, cut out, tripled or inserted."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(content) + 1)
        end = min(len(content), start + chance.choice((1, 1, 2, 8, 200)))
        piece = content[start:end]
        content = chance.choice(
            (
                content[:start] + chance.randbytes(end - start) + content[end:],
                content[:start] + content[end:],
                content[:start] + piece * 3 + content[end:],
                content[:start],
                content[:start] + chance.choice((b'"', b",", b"\n", b"\x00", b"{", b"1e999"))
                + content[end:],
            )
        )  # fmt: skip
    return content


@dataclass(frozen=True)
class Import:
    """How an import into a new shop ended; ``least`` rows are recorded, or none if refused."""

    shop_id: int
    refused: bool
    least: int = 0


def _import(services: Services, path: Path, format: str | None, skip: bool) -> Import:
    """Import a file for a new shop; check what is reported."""
    shop_id = next(_shops)
    options = {"format": format, "shop_currency": "EUR", "skip_bad_rows": skip}
    report: ImportReport | AppError
    try:
        report = load_file(services, shop_id, path, **options)
    except AppError as error:
        report = error
    if isinstance(report, AppError):
        assert report.code in (ErrorCode.INVALID, ErrorCode.LIMIT_EXCEEDED), report
        assert path.name in str(report)
        return Import(shop_id, refused=True)
    if report.bad_row_count and not skip:
        assert report.recorded == {}
        assert len(report.bad_rows) >= 1
    least = int(bool(sum(report.recorded.values())))
    return Import(shop_id, refused=not report.recorded, least=least)


def _check_rows(services: Services, imports: Sequence[Import]) -> None:
    """Check that the refused imports recorded nothing, and the others what they reported."""
    rows = _count_rows(services, [each.shop_id for each in imports])
    for number, each in enumerate(imports):
        count = rows[each.shop_id]
        assert count == 0 if each.refused else count >= each.least, (number, count)


def _count_rows(services: Services, shops: Sequence[int]) -> Counter[int]:
    """Return how many rows of all tables each shop has, in one statement."""
    counts = [
        f"SELECT shop_id, count() AS rows FROM {table.__tablename__} FINAL "
        f"WHERE shop_id IN ({', '.join(map(str, shops))}) AND NOT deleted GROUP BY shop_id"
        for table in services.audience.tables
    ]
    found: Counter[int] = Counter()
    for row in services.audience.query_unfiltered(" UNION ALL ".join(counts)).to_pylist():
        found[row["shop_id"]] += row["rows"]
    return found


@pytest.mark.parametrize(("name", "suffix"), FILES)
def test_sound_files_are_recorded_and_damaged_ones_whole_or_not_at_all(
    services: Services, tmp_path: Path, name: str, suffix: str
) -> None:
    chance = random.Random(name + suffix)
    path = tmp_path / f"file{suffix}"
    path.write_bytes(FILES[name, suffix])
    sound = _import(services, path, name, skip=True)
    assert not sound.refused
    damaged = []
    for number in range(25):
        path.write_bytes(_damage(FILES[name, suffix], chance))
        damaged.append(_import(services, path, name, skip=number % 2 == 0))
    assert any(each.refused for each in damaged)
    _check_rows(services, [sound, *damaged])


@given(content=st.binary(max_size=2_000), suffix=st.sampled_from([*WRITERS]), named=st.booleans())
@settings(
    derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_random_bytes_are_refused(
    services: Services, tmp_path: Path, content: bytes, suffix: str, named: bool
) -> None:
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    found = _import(services, path, ORDERS.name if named else None, skip=False)
    assert found.refused
    _check_rows(services, [found])
