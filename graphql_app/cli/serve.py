"""``segments serve`` and ``segments demo``."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from rich.markup import escape

from graphql_app.catalog import tokens
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.cli.console import StrictOption, out
from graphql_app.demo.load import load_demo
from graphql_app.observability import logs
from graphql_app.server.run import listen, serve_in_workers
from graphql_app.server.run import serve as serve_here
from graphql_app.settings import Settings
from graphql_app.startup.services import open_services

DEMO_QUERY = (
    '{"query":"query($rule: RuleInput!){ segmentSize(rule: $rule) '
    '{ members contacts share parts { summary members } } }",'
    '"variables":{"rule":{"all":['
    '{"spend":{"operator":"GREATER_THAN","amount":"50.00"}},'
    '{"textsReceived":{"operator":"EQUALS","count":0}}]}}}'
)


def serve(strict_plugins: StrictOption = None) -> None:
    """Serve GraphQL on HOST and PORT."""
    if strict_plugins is not None:  # in the environment, where worker processes find it too
        os.environ["STRICT_PLUGINS"] = str(strict_plugins)
    settings = Settings()
    logs.configure(settings)
    with listen(settings) as listening:
        if settings.workers > 1:
            _announce(settings)
            serve_in_workers(settings, listening)
            return
        with open_services(settings) as services:
            _announce(settings)
            serve_here(settings, services, listening)


def demo(
    and_serve: Annotated[bool, typer.Option("--serve", help="Serve it afterwards.")] = False,
    strict_plugins: Annotated[
        bool,
        typer.Option(
            "--strict-plugins/--no-strict-plugins",
            help="Refuse to start where a plugin cannot be used, or leave it out.",
        ),
    ] = False,
) -> None:
    """Load the demo shop, unless it is there, and make a token for it."""
    settings = Settings(strict_plugins=strict_plugins)
    logs.configure(settings)
    listening = listen(settings) if and_serve else None
    with open_services(settings) as services:
        shop, loaded = load_demo(services)
        token = tokens.create_token(services.catalog, shop, TokenScope, "demo")
        if loaded:
            out.print(f"Loaded the demo shop: {loaded:,} rows.")
        address = f"http://{settings.host}:{settings.port}"
        out.print(f"\nToken (shown once):  {token}\n")
        out.print("Ask for a size:\n")
        out.print(
            f"curl -s {address}/graphql -H 'Content-Type: application/json' \\\n"
            f"  -H 'Authorization: Bearer {token}' \\\n  -d '{escape(DEMO_QUERY)}'\n"
        )
        if listening is not None:
            with listening:
                _announce(settings)
                serve_here(settings, services, listening, token)


def _announce(settings: Settings) -> None:
    address = f"http://{settings.host}:{settings.port}"
    out.print(f"Open the segment builder:  {address}/builder/\n")
    out.print(f"Serving on {address} (stop with Ctrl-C)")
