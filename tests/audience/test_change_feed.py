"""The change feed between two processes, each played by a recorder."""

from dataclasses import replace

import pytest

from graphql_app.audience import change_feed, journal
from graphql_app.audience.change_feed import ChangeFeed
from graphql_app.audience.ddl import QUORUM_TIMEOUT
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.write_lock import LocalWriteLocks
from graphql_app.audience.write_log import AffectedContacts
from graphql_app.errors import AppError
from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import (
    Contact,
    Contacts,
    Forget,
    Line,
    Order,
    Orders,
    Product,
    Products,
)
from tests.parity.recorded_shop import NOW, RecordedShop
from tests.processes import wait_until

SPENT = {"spend": {"operator": "AT_LEAST", "amount": "10.00"}}


@pytest.fixture
def audience(shared_audience: Audience) -> Audience:
    """Return the audience with an empty feed."""
    shared_audience.command("TRUNCATE TABLE IF EXISTS feed")
    return shared_audience


def _process(audience: Audience) -> Recorder:
    recorder = Recorder(audience, shared_locks=LocalWriteLocks())
    recorder.recover()
    return recorder


@pytest.fixture
def ours(audience: Audience) -> Recorder:
    return _process(audience)


@pytest.fixture
def theirs(audience: Audience) -> Recorder:
    return _process(audience)


def _feed(recorder: Recorder) -> ChangeFeed:
    assert recorder.change_feed is not None
    return recorder.change_feed


def _poll(recorder: Recorder, shop: int) -> list[AffectedContacts]:
    """Poll a process's feed and return the shop's writes in its log."""
    _feed(recorder).poll()
    return [*(recorder.write_log.writes_since(shop, 0) or ())]


@pytest.fixture
def boutique(services: Services, audience: Audience, theirs: Recorder) -> RecordedShop:
    """Return a shop that the other process writes to."""
    return RecordedShop(replace(services, audience=audience, recorder=theirs))


def _in(recorder: Recorder, shop: RecordedShop) -> RecordedShop:
    """Return a shop as another process sees it, with an index of its own."""
    return replace(shop, services=replace(shop.services, recorder=recorder, index_bytes=1 << 26))


PEOPLE = Contacts((Contact(1), Contact(2)))


def test_a_process_learns_of_another_processes_writes(
    ours: Recorder, boutique: RecordedShop
) -> None:
    orders, products = Orders((Order(1, 2, NOW),)), Products((Product("a", "A"),))
    boutique.record(PEOPLE, orders, products, Forget((1,)))
    found = _poll(ours, boutique.id)
    tables = {table for touched in found for table in touched.tables}
    assert tables == {"contacts", "orders", "products"}
    assert found[0].tables["contacts"].tolist() == [1, 2]
    assert found[-1].erased.tolist() == [1]
    assert len(_poll(ours, boutique.id)) == len(found)  # not logged twice
    assert ours.write_log.is_unchanged_since(boutique.id, len(found))
    assert boutique.services.recorder.write_log.count_writes(boutique.id) == 4
    _feed(boutique.services.recorder).poll()
    # Reading its own writes changes nothing.
    assert boutique.services.recorder.write_log.count_writes(boutique.id) == 4


def test_a_size_includes_what_another_process_wrote(ours: Recorder, boutique: RecordedShop) -> None:
    here = _in(ours, boutique)
    boutique.record(PEOPLE)
    assert here.size(SPENT).members == 0
    boutique.record(Orders((Order(1, 2, NOW),)))
    _feed(ours).poll()
    assert here.size(SPENT).members == 1
    boutique.record(Forget((2,)))
    _feed(ours).poll()
    assert (here.size(SPENT).members, here.size(SPENT).contacts) == (0, 1)


def test_a_size_fails_while_the_feed_cannot_be_read(
    ours: Recorder, boutique: RecordedShop, audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "STALE_AFTER", 0)
    here = _in(ours, boutique)
    boutique.record(PEOPLE)
    assert here.size(SPENT).contacts == 2
    audience.command("RENAME TABLE feed TO feed_away")
    with pytest.raises(AppError):
        here.size(SPENT)
    audience.command("RENAME TABLE feed_away TO feed")
    boutique.record(Forget((2,)))
    assert here.size(SPENT).contacts == 1


def test_a_write_is_seen_after_the_servers_clock_was_set_back(
    ours: Recorder, boutique: RecordedShop, audience: Audience
) -> None:
    boutique.record(PEOPLE)
    audience.command(  # an earlier write with a later time
        "INSERT INTO feed SELECT writer, number + 100, done, shop_id, touched, at + 600 FROM feed"
    )
    before = len(_poll(ours, boutique.id))
    assert before == 2
    boutique.record(Forget((1,)))
    after = _poll(ours, boutique.id)
    assert len(after) == before + 1
    assert after[-1].erased.tolist() == [1]
    assert len(_poll(ours, boutique.id)) == before + 1
    assert ours.write_log.is_unchanged_since(boutique.id, before + 1)


def test_a_row_that_becomes_visible_late_is_seen(
    ours: Recorder, boutique: RecordedShop, audience: Audience
) -> None:
    late = QUORUM_TIMEOUT if audience.layout.cluster else 3
    boutique.record(PEOPLE)
    before = len(_poll(ours, boutique.id))
    audience.command(
        f"INSERT INTO feed SELECT writer, number + 100, done, shop_id, touched, at - {late} "
        "FROM feed WHERE done"
    )
    assert len(_poll(ours, boutique.id)) == 2 * before
    assert len(_poll(ours, boutique.id)) == 2 * before


def test_polling_in_the_background(ours: Recorder, boutique: RecordedShop) -> None:
    with _feed(ours).poll_in_background():
        boutique.record(PEOPLE)
        wait_until(lambda: ours.write_log.count_writes(boutique.id) > 0)


def test_the_next_holder_of_the_write_lock_finishes_an_abandoned_write(
    ours: Recorder, boutique: RecordedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Stands for the end of the process."""

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(journal.Journal, "execute", die)
    monkeypatch.setattr(ChangeFeed, "announce_end", lambda *_: None)
    with pytest.raises(Killed):
        boutique.record(PEOPLE)
    assert _poll(ours, boutique.id) == []
    assert not ours.write_log.is_unchanged_since(boutique.id, 0)
    with ours.quiesce(boutique.id):
        assert ours.write_log.is_unchanged_since(boutique.id, 1)
    assert len(_poll(ours, boutique.id)) == 1


def test_a_process_that_could_not_poll_for_long_starts_over(
    ours: Recorder, boutique: RecordedShop, audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = _in(ours, boutique)
    boutique.record(PEOPLE, Orders((Order(1, 2, NOW),)))
    _feed(ours).poll()
    assert here.size(SPENT).members == 1
    boutique.record(Orders((Order(2, 1, NOW),)))
    audience.command("TRUNCATE TABLE feed")  # as if the rows had expired
    with monkeypatch.context() as patch:
        patch.setattr(change_feed, "LOST_AFTER", -1)
        _feed(ours).poll()
    assert here.size(SPENT).members == 2


def test_a_batch_finished_by_a_new_process_is_announced(
    ours: Recorder, boutique: RecordedShop, audience: Audience
) -> None:
    audience.command("RENAME TABLE order_lines TO order_lines_away")
    with pytest.raises(AppError):
        boutique.record(Orders((Order(1, 2, NOW, lines=(Line("a"),)),)))
    audience.command("RENAME TABLE order_lines_away TO order_lines")
    before = len(_poll(ours, boutique.id))
    _process(audience)
    after = _poll(ours, boutique.id)
    assert len(after) > before
    assert after[-1].tables["orders"].tolist() == [2]


def test_a_write_that_cannot_be_announced_is_refused(
    boutique: RecordedShop, audience: Audience
) -> None:
    audience.command("RENAME TABLE feed TO feed_away")
    with pytest.raises(AppError):
        boutique.record(PEOPLE)
    audience.command("RENAME TABLE feed_away TO feed")
    assert boutique.size({"all": []}).contacts == 0


@pytest.fixture(autouse=True)
def _poll_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_feed, "POLL_INTERVAL", 0.01)
