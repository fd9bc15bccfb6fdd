"""Runs everything that takes long; see ``--help``."""

import argparse
import secrets
import tempfile
import time
from pathlib import Path

from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.store import Catalog
from graphql_app.settings import Settings
from graphql_app.startup.services import open_services
from tests.catalog.rows import insert_rows
from tests.client import open_http
from tests.e2e import process
from tests.faults import concurrency, kills
from tests.soak import load
from tests.support import Server, serving


def main() -> None:
    parser = argparse.ArgumentParser(description="Long load, many kills, much at once.")
    parser.add_argument("--seconds", type=float, default=600, help="of mixed load")
    parser.add_argument("--together", type=float, default=60, help="seconds of 32 at once")
    parser.add_argument("--migrations", type=int, default=200, help="rounds of killing a migration")
    parser.add_argument("--kills", type=int, default=200, help="rounds of killing a server")
    parser.add_argument("--seed", type=int, default=secrets.randbits(16))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        where = Path(directory)
        if given.seconds:
            _load(where / "load", given.seconds, given.seed)
        if given.together:
            _together(where / "together", given.together, given.seed)
        if given.migrations:
            _migrations(where, given.migrations, given.seed)
        if given.kills:
            _kills(where / "kills", given.kills, given.seed)


def _load(data: Path, seconds: float, seed: int) -> None:
    print(f"{seconds:g} seconds of mixed load on a shop of {load.CONTACTS:,} contacts", flush=True)
    for line in load.run(data, seconds, seed).lines():
        print(f"  {line}", flush=True)


def _together(data: Path, seconds: float, seed: int) -> None:
    settings = Settings(data_dir=data, rate_limit=0, _env_file=None)
    with (
        open_services(settings) as services,
        serving(services, settings) as address,
        open_http() as http,
    ):
        client = Server(address, services, http).shop()
        outcome = concurrency.run([client], seconds, seed=seed)
    print(f"32 writers and readers for {seconds:g} seconds: {dict(outcome.done)}", flush=True)


def _migrations(where: Path, rounds: int, seed: int) -> None:
    url = f"sqlite:///{where / 'migrated.sqlite3'}"
    catalog = Catalog(url)
    migrate(catalog, "0001")
    insert_rows(catalog, "0001")
    catalog.close()
    done = [*kills.rounds_of_migrations(url, rounds, seed)]
    print(f"{rounds} migrations killed, {sum(done)} of them after they had finished", flush=True)


def _kills(data: Path, rounds: int, seed: int) -> None:
    process.segments(data, "migrate")
    began, answered = time.monotonic(), 0
    for number, writes in enumerate(kills.rounds_of_writing(data, rounds, seed), 1):
        answered += writes
        if number % 10 == 0:
            spent = time.monotonic() - began
            print(f"  {number} kills, {answered:,} writes answered, {spent:.0f} s", flush=True)
    print(f"{rounds} kills of a server: nothing lost of {answered:,} writes", flush=True)


if __name__ == "__main__":
    main()
