"""Identities: the numbers that stand for ids of the source system.

An id is any text. Rows, criteria and the size index have unsigned 64-bit numbers instead:

- A whole number below 2^63 is its own number.
- Any other id gets a number from 2^63 up: a larger whole number its own, a text a hash of it. If
  that number is taken by another id, the next hash of the id is tried, and so on. The table
  ``identities`` records which number has been given to which id.

Ids of contacts, orders, texts and events, and those of each table of a plugin, are independent of
each other. A number stays taken after its contact has been erased.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.facts import FactType
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact, Identity, has_id_key

NUMBER = pa.uint64()
FIRST_GIVEN = 2**63
"""The lowest number that can stand for an id other than itself."""

_OWN_NUMBER = r"^[0-9]{1,18}$"  # of a whole number that is surely below 2^63


class Identities:
    """The identities of all shops.

    Ids are Arrow arrays of texts, as ``value_parsers.IDENTIFIER`` parses them, or of numbers.
    """

    def __init__(self, audience: Audience) -> None:
        self._audience = audience

    def find(self, shop_id: int, table: str, ids: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the numbers of ids; null for an id that has none."""
        known: dict[str, int] = {}
        if others := _ids_to_look_up(ids):
            known, free = self._look_up(shop_id, table, others)
            # Rows of earlier versions have whole numbers that were not recorded as given.
            known |= {id: number for number, id in free.items() if id == str(number)}
        return _to_numbers(ids, known)

    def resolve(
        self, shop_id: int, fact: FactType, rows: pa.Table
    ) -> tuple[pa.Table, pa.Table | None]:
        """Replace the ids in rows by their numbers, and give numbers to new ids.

        Hold the shop's write lock until the new identities are written.

        Returns:
            The rows, and new rows of ``Identity``, if there are any.
        """
        given: list[tuple[str, int, str]] = []
        for field in fact.fields:
            if not field.id_of:
                continue
            ids = rows[field.name]
            numbers: dict[str, int] = {}
            if others := _ids_to_look_up(ids):
                numbers, free = self._look_up(shop_id, field.id_of, others)
                numbers |= {id: number for number, id in free.items()}
                given += [(field.id_of, number, id) for number, id in free.items()]
            position = rows.schema.get_field_index(field.name)
            rows = rows.set_column(position, field.name, _to_numbers(ids, numbers))
        return rows, _make_rows(given) if given else None

    def _look_up(
        self, shop_id: int, table: str, ids: Iterable[str]
    ) -> tuple[dict[str, int], dict[int, str]]:
        """Return the numbers of known ids, and free numbers for the other ids."""
        known: dict[str, int] = {}
        free: dict[int, str] = {}
        attempt, waiting = 0, [*ids]
        while waiting:
            wanted = {id: _number_for(table, id, attempt) for id in waiting}
            owners = self._fetch(shop_id, table, wanted.values())
            waiting = []
            for id, number in wanted.items():
                owner = owners.get(number)
                if owner == id:
                    known[id] = number
                elif owner is None and number not in free:
                    free[number] = id
                else:
                    waiting.append(id)
            attempt += 1
        return known, free

    def _fetch(self, shop_id: int, table: str, numbers: Iterable[int]) -> dict[int, str]:
        """Return the ids that numbers were given to; blank for those of erased contacts."""
        listed = ",".join(map(str, numbers))
        found = self._audience.query_unfiltered(
            f"SELECT number, source_id FROM {Identity.__tablename__} FINAL "
            f"WHERE shop_id = {int(shop_id)} AND of_table = '{table}' "
            f"AND number IN (SELECT arrayJoin(CAST('[{listed}]' AS Array(UInt64))))"
        )
        return dict(zip(found["number"].to_pylist(), found["source_id"].to_pylist(), strict=True))

    def erase(self, shop_id: int, contacts: Iterable[int]) -> None:
        """Erase the ids of contacts and of their rows; call this before erasing the rows."""
        owners = [number for number in contacts if number >= FIRST_GIVEN]
        numbers = {Contact.__tablename__: owners} if owners else {}
        listed = ", ".join(str(int(contact)) for contact in contacts)
        for name in (table.__tablename__ for table in self._audience.tables if has_id_key(table)):
            found = self._audience.query_unfiltered(
                f"SELECT DISTINCT id FROM {name} WHERE shop_id = {int(shop_id)} "
                f"AND contact_id IN ({listed}) AND id >= {FIRST_GIVEN}"
            )
            if found.num_rows:
                numbers[name] = found["id"].to_pylist()
        if numbers:
            self._audience.clear_column(
                Identity.__tablename__,
                shop_id,
                "source_id",
                " OR ".join(
                    f"of_table = '{name}' AND number IN ({', '.join(map(str, each))})"
                    for name, each in numbers.items()
                ),
            )


def _ids_to_look_up(ids: pa.ChunkedArray) -> list[str]:
    """Return the distinct ids that are not their own numbers, or may not be."""
    if pa.types.is_integer(ids.type):
        ids = ids.filter(pc.greater_equal(ids, pa.scalar(FIRST_GIVEN, NUMBER)))
    else:
        ids = ids.filter(pc.invert(pc.match_substring_regex(ids, _OWN_NUMBER)))
    found: list[str] = pc.unique(ids.cast(pa.string())).to_pylist()
    return [id for id in found if not (id.isascii() and id.isdigit() and int(id) < FIRST_GIVEN)]


def _to_numbers(ids: pa.ChunkedArray, numbers: Mapping[str, int]) -> pa.ChunkedArray:
    """Replace ids by their numbers: the given ones, or else their own; null without either."""
    if not numbers and pa.types.is_integer(ids.type):
        return ids
    texts = ids.cast(pa.string())
    digits = pc.match_substring_regex(texts, r"^[0-9]{1,19}$")
    own = pc.if_else(digits, texts, pa.scalar(None, pa.string())).cast(NUMBER)
    if not numbers:
        return own
    row = pc.index_in(texts, pa.array([*numbers], pa.string()))
    return pc.coalesce(pa.chunked_array([pa.array([*numbers.values()], NUMBER)]).take(row), own)


def _number_for(table: str, id: str, attempt: int) -> int:
    """Return the number for an id to try after some attempts, from ``FIRST_GIVEN`` up."""
    if attempt == 0 and id.isascii() and id.isdigit() and FIRST_GIVEN <= int(id) < 2**64:
        return int(id)
    hashed = blake2b(f"{table} {attempt} {id}".encode(), digest_size=8).digest()
    return int.from_bytes(hashed) | FIRST_GIVEN


def _make_rows(given: list[tuple[str, int, str]]) -> pa.Table:
    tables, numbers, ids = zip(*given, strict=True)
    return pa.table(
        {
            "of_table": pa.array(tables, pa.string()),
            "number": pa.array(numbers, NUMBER),
            "source_id": pa.array(ids, pa.string()),
        }
    )


def other_ids(ids: pa.ChunkedArray, numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the ids that are not their own numbers, as ``Contact.source_id``; null for others."""
    texts = ids.cast(pa.string())
    own = pc.equal(texts, numbers.cast(pa.string()))
    return pc.if_else(own, pa.scalar(None, pa.string()), texts)


def source_ids(numbers: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the ids of contacts, given their ``id`` and ``source_id``."""
    return pc.coalesce(others.cast(pa.string()), numbers.cast(pa.string()))
