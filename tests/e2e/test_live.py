"""Live sizes from a server process."""

import signal
from pathlib import Path

from tests.client import connected
from tests.e2e import process
from tests.factories import contacts

LIVE = "subscription { segmentSize(rule: {all: []}) { members } }"


def test_a_live_size_follows_the_facts_and_does_not_delay_shutdown(tmp_path: Path) -> None:
    process.segments(tmp_path, "shop", "create", "acme")
    token = process.token(tmp_path, "acme")
    with process.server(tmp_path) as running, connected(running.client(token)) as stream:
        stream.subscribe(LIVE)
        assert stream.next() == {"segmentSize": {"members": 0}}
        running.client(token).record("contactsUpsert", contacts(1))
        assert stream.next() == {"segmentSize": {"members": 1}}
        status, output = running.stop(signal.SIGTERM)
        assert stream.closed()[0] == 1012
        assert status == 0
        assert "Traceback" not in output
        assert "Warning" not in output
        assert token not in output
