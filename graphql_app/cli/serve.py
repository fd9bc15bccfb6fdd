"""``segments serve`` and ``segments demo``."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from graphql_app.cli.console import StrictOption, configure, out

if TYPE_CHECKING:
    from graphql_app.settings import Settings

DEMO_QUERY = (
    '{"query":"query($rule: RuleInput!){ segmentSize(rule: $rule) '
    '{ members contacts share parts { summary members } } }",'
    '"variables":{"rule":{"all":['
    '{"spend":{"operator":"GREATER_THAN","amount":"50.00"}},'
    '{"textsReceived":{"operator":"EQUALS","count":0}}]}}}'
)


def serve(strict_plugins: StrictOption = None) -> None:
    """Serve GraphQL on HOST and PORT."""
    from graphql_app.observability.output import queued_output
    from graphql_app.server import run
    from graphql_app.startup.services import open_services

    if strict_plugins is not None:  # in the environment, where worker processes find it too
        os.environ["STRICT_PLUGINS"] = str(strict_plugins)
    with queued_output():
        settings = configure()
        with run.listen(settings) as listener:
            if settings.workers > 1:
                _announce(settings)
                run.serve_in_workers(settings, listener)
                return
            with open_services(settings) as services:
                _announce(settings)
                run.serve(settings, services, listener)


def demo(
    and_serve: Annotated[bool, typer.Option("--serve", help="Then serve it.")] = False,
    strict_plugins: Annotated[
        bool,
        typer.Option(
            "--strict-plugins/--no-strict-plugins",
            help="Refuse to start if a plugin cannot be used, or start without it.",
        ),
    ] = False,
) -> None:
    """Load the demo shop if it is missing, and create a token for it."""
    from graphql_app.catalog import tokens
    from graphql_app.catalog.token_scope import TokenScope
    from graphql_app.demo.load import load_demo
    from graphql_app.observability.output import queued_output
    from graphql_app.server import run
    from graphql_app.startup.services import open_services

    with queued_output() if and_serve else nullcontext():
        settings = configure(strict_plugins=strict_plugins)
        listener = run.listen(settings) if and_serve else None
        with open_services(settings) as services:
            shop, loaded = load_demo(services)
            token = tokens.create_token(services.catalog, shop, TokenScope, "demo")
            if loaded:
                out.print(f"Loaded the demo shop: {loaded:,} rows.")
            address = f"http://{settings.host}:{settings.port}"
            out.print(f"\nToken (shown once):  {token}\n")
            out.print("Query a segment's size:\n")
            out.print(
                f"curl -s {address}/graphql -H 'Content-Type: application/json' \\\n"
                f"  -H 'Authorization: Bearer {token}' \\\n  -d '{escape(DEMO_QUERY)}'\n"
            )
            if listener is not None:
                with listener:
                    _announce(settings)
                    run.serve(settings, services, listener, token)


def _announce(settings: Settings) -> None:
    address = f"http://{settings.host}:{settings.port}"
    out.print(f"Open the segment builder:  {address}/builder/\n")
    out.print(f"Serving on {address} (stop with Ctrl-C)")
