"""Identities: the numbers that stand for ids of the source system.

An id is any text. Rows, criteria and the size index have unsigned 64-bit numbers instead:

- A whole number below 2^63 is its own number.
- Any other id gets a number from 2^63 up: a larger one below 2^64 its own, a text a hash of it. If
  that number is taken by another id, the next hash of the id is tried, and so on. The table
  ``identities`` records which number has been given to which id.

Ids of contacts, orders, texts and events, and those of each table of a plugin, are independent of
each other. A number stays taken after its contact has been erased or merged.

Email addresses and phone numbers that nobody has get numbers in the same way; see
``contact_references``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from hashlib import blake2b

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.facts import CONTACTS, FactType
from graphql_app.audience.store import Audience
from graphql_app.audience.table_reader import list_fact_tables
from graphql_app.audience.tables import Identity

NUMBER = pa.uint64()
FIRST_GIVEN = 2**63
"""The lowest number that can stand for an id other than itself."""

LOOKED_UP_AT_ONCE = 100_000
ERASED_AT_ONCE = 20_000  # since the keeper of a cluster refuses statements of a megabyte

_MERGED = f"of_table = '{CONTACTS.name}' AND number < {FIRST_GIVEN}"
_WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Given:
    """A number that is given to an id, as a row of ``Identity`` without its shop."""

    of_table: str
    number: int
    source_id: str
    meaning: int
    waiting: bool = False


class Identities:
    """The identities of all shops.

    Ids are Arrow arrays of texts, as ``value_parsers.IDENTIFIER`` parses them, or of numbers.

    Args:
        only_writer: Whether nothing else records what is given, so that a shop without special
            identities need not be asked again.
    """

    def __init__(self, audience: Audience, only_writer: bool = False) -> None:
        self._audience = audience
        self._only_writer = only_writer
        self._without: set[tuple[int, str]] = set()  # shops, and conditions that hold for no row

    def find(self, shop_id: int, table: str, ids: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the numbers of ids; null for an id that has none."""
        known: dict[str, int] = {}
        if others := self._ids_to_look_up(shop_id, table, ids):
            given, new = self.look_up(shop_id, table, others)
            # Rows of earlier versions have whole numbers that were not recorded as given.
            known = {
                id: each.meaning
                for id, each in given.items()
                if id not in new or id == str(each.number)
            }
        return _to_numbers(ids, known)

    def find_given(self, shop_id: int, table: str, id: str) -> int | None:
        """Return the number that was given to an id, whatever it means now, if any was."""
        if _is_whole(id) and int(id) < FIRST_GIVEN:
            return int(id)
        given, new = self.look_up(shop_id, table, [id])
        return given[id].number if id not in new or id == str(given[id].number) else None

    def resolve(
        self, shop_id: int, fact: FactType, rows: pa.Table
    ) -> tuple[pa.Table, Sequence[Given]]:
        """Replace the ids in rows by their numbers, and give numbers to new ids; null stays null.

        Contacts get their ``source_id``.

        Hold the shop's write lock until the new numbers are recorded.
        """
        new: list[Given] = []
        for field in fact.fields:
            if field.id_of:
                ids, given = rows[field.name], dict[str, Given]()
                if others := self._ids_to_look_up(shop_id, field.id_of, ids):
                    given, unknown = self.look_up(shop_id, field.id_of, others)
                    new += (given[id] for id in unknown)
                numbers = _to_numbers(ids, {id: each.meaning for id, each in given.items()})
                rows = rows.set_column(rows.schema.get_field_index(field.name), field.name, numbers)
                if fact is CONTACTS:
                    own_ids = self._own_ids(shop_id, ids, numbers, given)
                    rows = rows.append_column("source_id", own_ids)
        return rows, new

    def _own_ids(
        self,
        shop_id: int,
        ids: pa.ChunkedArray,
        numbers: pa.ChunkedArray,
        given: Mapping[str, Given],
    ) -> pa.ChunkedArray:
        """Return the ids that numbers were given to, as ``Contact.source_id``."""
        texts = ids.cast(pa.string())
        merged = {id: each.meaning for id, each in given.items() if each.meaning != each.number}
        if merged:
            owners = self._fetch(shop_id, CONTACTS.name, [*merged.values()])
            other = {
                id: owners[number].source_id if number in owners else str(number)
                for id, number in merged.items()
            }
            row = pc.index_in(texts, pa.array([*other], pa.string()))
            texts = pc.coalesce(pa.chunked_array([pa.array([*other.values()])]).take(row), texts)
        own = pc.equal(texts, numbers.cast(pa.string()))
        return pc.if_else(own, pa.scalar(None, pa.string()), texts)

    def look_up(
        self, shop_id: int, table: str, ids: Iterable[str]
    ) -> tuple[dict[str, Given], Set[str]]:
        """Return what is given to ids, with free numbers for those that have none.

        The second result has those ids.
        """
        found: dict[str, Given] = {}
        free: dict[int, str] = {}
        attempt, rest = 0, [*ids]
        while rest:
            wanted = {id: _number_for(table, id, attempt) for id in rest}
            taken = self._fetch(shop_id, table, [*wanted.values()])
            rest = []
            for id, number in wanted.items():
                owner = taken.get(number)
                if owner is not None and owner.source_id == id:
                    found[id] = owner
                elif owner is None and number not in free:
                    found[id] = Given(table, number, id, number)
                    if number >= FIRST_GIVEN:
                        free[number] = id
                else:
                    rest.append(id)
            attempt += 1
        return found, {*free.values()}

    def _fetch(self, shop_id: int, table: str, numbers: Sequence[int]) -> dict[int, Given]:
        """Return what was given, by number; ids of erased contacts are blank."""
        found: dict[int, Given] = {}
        for start in range(0, len(numbers), LOOKED_UP_AT_ONCE):
            listed = ",".join(map(str, numbers[start : start + LOOKED_UP_AT_ONCE]))
            condition = f"number IN (SELECT arrayJoin(CAST('[{listed}]' AS Array(UInt64))))"
            found |= {given.number: given for given in self.select(shop_id, table, condition)}
        return found

    def select(self, shop_id: int, table: str, condition: str) -> Iterator[Given]:
        """Return what was given to ids of a table, where an SQL condition holds."""
        rows = self._audience.query_unfiltered(
            f"SELECT of_table, number, source_id, meaning, waiting FROM {Identity.__tablename__} "
            f"FINAL WHERE shop_id = {int(shop_id)} AND of_table = '{table}' AND {condition}"
        )
        return (Given(**row) for row in rows.to_pylist())

    def _ids_to_look_up(self, shop_id: int, table: str, ids: pa.ChunkedArray) -> Sequence[str]:
        """Return the distinct ids that are not their own numbers, or may not be."""
        others = _ids_of_others(ids)
        if table == CONTACTS.name and self._has_merged_numbers(shop_id):
            others = pc.unique(ids.drop_null().cast(pa.string())).to_pylist()
        return others

    def _has_merged_numbers(self, shop_id: int) -> bool:
        """Return whether some whole numbers do not mean themselves, because of a merge."""
        return self._has_any(shop_id, _MERGED)

    def has_waiting(self, shop_id: int) -> bool:
        """Return whether facts may wait for a contact with their address."""
        return self._has_any(shop_id, _WAITING)

    def _has_any(self, shop_id: int, condition: str) -> bool:
        if (shop_id, condition) in self._without:
            return False
        found = self._audience.query_unfiltered(
            f"SELECT 1 FROM {Identity.__tablename__} WHERE shop_id = {int(shop_id)} "
            f"AND {condition} LIMIT 1"
        )
        if self._only_writer and not found.num_rows:
            self._without.add((shop_id, condition))
        return bool(found.num_rows)

    def make_rows(self, shop_id: int, given: Sequence[Given]) -> pa.Table:
        """Return what is about to be recorded as rows of ``Identity``, without their shop."""
        if any(each.waiting or each.number < FIRST_GIVEN for each in given):
            for condition in (_MERGED, _WAITING):
                self._without.discard((shop_id, condition))
        return _make_rows(given)

    def point(self, shop_id: int, source: int, source_id: str, target: int) -> Sequence[Given]:
        """Return what must be recorded so that every id of one contact means another one."""
        own = Given(CONTACTS.name, source, source_id, target)
        earlier = self.select(shop_id, CONTACTS.name, f"meaning = {int(source)}")
        return [own, *(replace(each, meaning=target) for each in earlier)]

    def erase(self, shop_id: int, contacts: Sequence[int]) -> None:
        """Erase the ids of contacts and of their rows; call this before erasing the rows."""
        listed = ", ".join(str(int(contact)) for contact in contacts)
        self._clear(shop_id, CONTACTS.name, self.numbers_of(shop_id, contacts))
        for table in list_fact_tables(self._audience):
            if table.key == ("contact_id", "id"):
                found = self._audience.query_unfiltered(
                    f"SELECT id FROM {table.name} FINAL WHERE shop_id = {int(shop_id)} "
                    f"AND NOT deleted AND contact_id IN ({listed}) AND id >= {FIRST_GIVEN}"
                )
                self._clear(shop_id, table.name, found["id"].to_pylist())

    def numbers_of(self, shop_id: int, contacts: Sequence[int]) -> Sequence[int]:
        """Return the numbers of contacts, with those that meant other contacts before."""
        listed = ", ".join(str(int(contact)) for contact in contacts)
        given = self.select(shop_id, CONTACTS.name, f"meaning IN ({listed})")
        return [*dict.fromkeys([*contacts, *(each.number for each in given)])]

    def _clear(self, shop_id: int, table: str, numbers: Sequence[int]) -> None:
        """Make the ids that numbers were given to blank, for good."""
        given = [number for number in numbers if number >= FIRST_GIVEN or table == CONTACTS.name]
        for start in range(0, len(given), ERASED_AT_ONCE):
            some = ", ".join(map(str, given[start : start + ERASED_AT_ONCE]))
            self._audience.clear_column(
                Identity.__tablename__,
                shop_id,
                "source_id",
                f"of_table = '{table}' AND number IN ({some})",
            )


def _ids_of_others(ids: pa.ChunkedArray) -> Sequence[str]:
    """Return the distinct ids that are not whole numbers below ``FIRST_GIVEN``."""
    if pa.types.is_integer(ids.type):
        ids = ids.filter(pc.greater_equal(ids, pa.scalar(FIRST_GIVEN, NUMBER)))
    else:
        ids = ids.filter(pc.invert(pc.match_substring_regex(ids, "^[0-9]{1,18}$")))
    found: list[str] = pc.unique(ids.cast(pa.string())).to_pylist()
    return [id for id in found if not (_is_whole(id) and int(id) < FIRST_GIVEN)]


def _is_whole(id: str) -> bool:
    return id.isascii() and id.isdigit()


def _to_numbers(ids: pa.ChunkedArray, numbers: Mapping[str, int]) -> pa.ChunkedArray:
    """Replace ids by their numbers: the given ones, or else their own; null without either."""
    if not numbers and pa.types.is_integer(ids.type):
        return ids
    texts = ids.cast(pa.string())
    digits = pc.match_substring_regex(texts, r"^[0-9]{1,19}$")
    own = pc.if_else(digits, texts, pa.scalar(None, pa.string())).cast(NUMBER)
    own = pc.if_else(pc.less(own, pa.scalar(FIRST_GIVEN, NUMBER)), own, pa.scalar(None, NUMBER))
    if not numbers:
        return own
    row = pc.index_in(texts, pa.array([*numbers], pa.string()))
    return pc.coalesce(pa.chunked_array([pa.array([*numbers.values()], NUMBER)]).take(row), own)


def _number_for(table: str, id: str, attempt: int) -> int:
    """Return the number for an id to try after some attempts."""
    if attempt == 0 and _is_whole(id) and int(id) < 2**64:
        return int(id)
    hashed = blake2b(f"{table} {attempt} {id}".encode(), digest_size=8).digest()
    return int.from_bytes(hashed) | FIRST_GIVEN


def _make_rows(given: Iterable[Given]) -> pa.Table:
    last = {(each.of_table, each.number): each for each in given}.values()
    return pa.table(
        {
            "of_table": pa.array([each.of_table for each in last], pa.string()),
            "number": pa.array([each.number for each in last], NUMBER),
            "source_id": pa.array([each.source_id for each in last], pa.string()),
            "meaning": pa.array([each.meaning for each in last], NUMBER),
            "waiting": pa.array([each.waiting for each in last], pa.bool_()),
        }
    )


def source_ids(numbers: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the ids of contacts, given their ``id`` and ``source_id``."""
    return pc.coalesce(others.cast(pa.string()), numbers.cast(pa.string()))
