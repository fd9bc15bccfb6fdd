"""Pauses of a shop's writes, in which operations read."""

import asyncio
import time
from collections.abc import Callable

import pytest

from graphql_app.audience.facts import CONTACTS
from graphql_app.audience.recorder import Recorder
from graphql_app.errors import AppError, ErrorCode
from graphql_app.runtime import write_pauses
from graphql_app.runtime.services import Services
from graphql_app.runtime.write_pauses import WritePauses
from tests.fact_tables import checked

SHOP = 77_001


@pytest.fixture
def recorder(services: Services) -> Recorder:
    return Recorder(services.audience)


@pytest.fixture
def write(recorder: Recorder) -> Callable[[], None]:
    return lambda: recorder.record(SHOP, CONTACTS, checked(CONTACTS, {"id": ["1"]}))


def _writes(recorder: Recorder) -> int:
    return recorder.write_log.count_writes(SHOP)


def test_a_write_waits_for_the_end_of_a_pause(
    recorder: Recorder, write: Callable[[], None]
) -> None:
    async def main() -> None:
        pauses = WritePauses(recorder)
        async with pauses.hold(SHOP):
            writing = asyncio.ensure_future(asyncio.to_thread(write))
            await asyncio.sleep(0.2)
            assert _writes(recorder) == 0
        await writing
        assert _writes(recorder) == 1

    asyncio.run(main())


def test_readers_that_wait_together_share_a_pause(
    recorder: Recorder, write: Callable[[], None]
) -> None:
    async def main() -> None:
        pauses = WritePauses(recorder)
        inside, most = 0, 0

        async def read() -> None:
            nonlocal inside, most
            async with pauses.hold(SHOP):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.05)
                inside -= 1

        await asyncio.gather(*(read() for _ in range(5)))
        assert most == 5
        await asyncio.to_thread(write)

    asyncio.run(main())


def test_a_writer_gets_its_turn_between_pauses(
    recorder: Recorder, write: Callable[[], None]
) -> None:
    async def main() -> None:
        pauses = WritePauses(recorder)
        ended = False

        async def read_all_the_time() -> None:
            while not ended:
                async with pauses.hold(SHOP):
                    await asyncio.sleep(0.005)

        readers = [asyncio.ensure_future(read_all_the_time()) for _ in range(3)]
        for _ in range(5):
            await asyncio.to_thread(write)
        ended = True
        await asyncio.gather(*readers)
        assert _writes(recorder) == 5

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_pause_ends_when_its_time_is_over(
    recorder: Recorder, write: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_pauses, "MAX_PAUSE", 0.2)

    async def main() -> None:
        pauses = WritePauses(recorder)
        with pytest.raises(AppError) as raised:
            async with pauses.hold(SHOP):
                await asyncio.sleep(60)
        assert raised.value.code is ErrorCode.TIMEOUT
        await asyncio.to_thread(write)

        async with pauses.hold(SHOP):
            writing = asyncio.ensure_future(asyncio.to_thread(write))
            await asyncio.sleep(0)
            time.sleep(2)  # a stuck event loop holds up no writer
            assert _writes(recorder) == 2
        await writing

    asyncio.run(main())
    assert _writes(recorder) == 2


def test_a_reader_that_leaves_ends_its_pause(recorder: Recorder, write: Callable[[], None]) -> None:
    async def main() -> None:
        pauses = WritePauses(recorder)

        async def read() -> None:
            async with pauses.hold(SHOP):
                await asyncio.sleep(60)

        for delay in (0, 0.1):  # while it waits for the lock, and while it reads
            reader = asyncio.ensure_future(read())
            await asyncio.sleep(delay)
            reader.cancel()
            await asyncio.wait([reader])
            await asyncio.to_thread(write)

    asyncio.run(asyncio.wait_for(main(), 9))
    assert _writes(recorder) == 2


def test_a_failure_to_lock_reaches_every_reader(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AppError(ErrorCode.UNAVAILABLE, "no lock")

    monkeypatch.setattr(recorder, "catch_up", fail)

    async def main() -> None:
        pauses = WritePauses(recorder)

        async def read() -> None:
            async with pauses.hold(SHOP):
                raise AssertionError

        found = await asyncio.gather(read(), read(), return_exceptions=True)
        assert [str(error) for error in found] == ["no lock", "no lock"]

    asyncio.run(main())
