"""The ``segments`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from graphql_app.app import open_catalog, open_services, opened_catalog, usable_plugins
from graphql_app.catalog import access
from graphql_app.catalog.migrating import migrate, revision, revisions
from graphql_app.catalog.tables import Shop, TokenScope
from graphql_app.cli.audience import audience_app
from graphql_app.cli.backup import backup_command, restore_command
from graphql_app.cli.config import config_app
from graphql_app.cli.console import ShopOption, StrictOption, err, out, wrong_settings
from graphql_app.cli.export_command import export_command
from graphql_app.cli.import_command import import_command
from graphql_app.cli.plugins import plugins_app
from graphql_app.demo.load import load_demo
from graphql_app.errors import AppError
from graphql_app.observing import logs
from graphql_app.plugins import PluginError, discover
from graphql_app.schema.build import build_schema
from graphql_app.segments.starters import create_shop
from graphql_app.serving import listen, serve_in_workers
from graphql_app.serving import serve as serve_here
from graphql_app.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Segments of a shop's contacts, over GraphQL.")
shop_app = typer.Typer(no_args_is_help=True, help="Shops: the tenants.")
token_app = typer.Typer(no_args_is_help=True, help="Tokens: access to a shop.")
app.add_typer(shop_app, name="shop")
app.add_typer(token_app, name="token")
app.add_typer(audience_app, name="audience")
app.add_typer(plugins_app, name="plugins")
app.add_typer(config_app, name="config")
app.command("import")(import_command)
app.command("export")(export_command)
app.command("backup")(backup_command)
app.command("restore")(restore_command)

DEMO_QUERY = (
    '{"query":"query($rule: RuleInput!){ segmentSize(rule: $rule) '
    '{ members contacts share parts { summary members } } }",'
    '"variables":{"rule":{"all":['
    '{"spend":{"operator":"GREATER_THAN","amount":"50.00"}},'
    '{"textsReceived":{"operator":"EQUALS","count":0}}]}}}'
)


@app.command()
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


@app.command()
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
        token = access.create_token(services.catalog, shop, TokenScope, "demo")
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


@shop_app.command("create")
def shop_create(
    handle: Annotated[str, typer.Argument(help="Short name: a-z, 0-9 and -.")],
    name: Annotated[str, typer.Option(help="Name for people; the handle when left out.")] = "",
    timezone: Annotated[str, typer.Option(help="IANA time zone.")] = "UTC",
    currency: Annotated[str, typer.Option(help="ISO 4217 currency.")] = "USD",
    description: Annotated[str, typer.Option(help="What it is.")] = "",
) -> None:
    """Create a shop with its default segments."""
    settings = Settings()
    with open_catalog(settings) as catalog:
        shop = create_shop(
            catalog,
            usable_plugins(settings.strict_plugins),
            Shop(
                handle=handle,
                name=name or handle,
                description=description,
                timezone=timezone,
                currency=currency,
            ),
        )
    out.print(f"Created the shop {escape(shop.handle)}.")


@shop_app.command("list")
def shop_list() -> None:
    """List the shops."""
    table = Table("handle", "name", "time zone", "currency")
    with open_catalog(Settings()) as catalog:
        for shop in access.shops(catalog):
            table.add_row(*map(escape, (shop.handle, shop.name, shop.timezone, shop.currency)))
    out.print(table)


@token_app.command("create")
def token_create(
    shop: ShopOption,
    scopes: Annotated[
        str, typer.Option(help=f"all, or some of {','.join(TokenScope)}, separated by commas.")
    ] = "all",
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Make a token and print it, this once."""
    try:
        granted = (
            list(TokenScope)
            if scopes == "all"
            else [TokenScope(scope.strip()) for scope in scopes.split(",")]
        )
    except ValueError as error:
        raise typer.BadParameter(f"{error}; there are {', '.join(TokenScope)}.") from error
    with open_catalog(Settings()) as catalog:
        print(access.create_token(catalog, access.find_shop(catalog, shop), granted, name))


@token_app.command("list")
def token_list(shop: ShopOption) -> None:
    """List a shop's tokens, without their secrets."""
    table = Table("id", "name", "scopes", "created", "revoked")
    with open_catalog(Settings()) as catalog:
        for token in access.tokens(catalog, access.find_shop(catalog, shop)):
            revoked = f"{token.revoked_at:%Y-%m-%d %H:%M}" if token.revoked_at else ""
            created = f"{token.created_at:%Y-%m-%d %H:%M}"
            table.add_row(token.id, escape(token.name), " ".join(token.scopes), created, revoked)
    out.print(table)


@token_app.command("revoke")
def token_revoke(
    token_id: Annotated[str, typer.Argument(help="The id, from `segments token list`.")],
) -> None:
    """End a token's life, at once."""
    with open_catalog(Settings()) as catalog:
        out.print(f"Revoked {access.revoke_token(catalog, token_id)}.")


@app.command("migrate")
def migrate_command(
    to: Annotated[
        str, typer.Option(help="The revision; that of this version when left out.")
    ] = "head",
    yes: Annotated[
        bool, typer.Option("--yes", help="Go back without asking, whatever is lost by it.")
    ] = False,
) -> None:
    """Bring the catalog's schema to the revision that this version needs, or to another."""
    with opened_catalog(Settings()) as catalog:
        before, known = revision(catalog), revisions()
        back = to in known and before in known and known.index(to) < known.index(before)
        if back and not yes:
            typer.confirm(f"Go back to {to}, without what later revisions added?", abort=True)
        migrate(catalog, to)
        after = revision(catalog)
    has = "already has" if before == after else "now has"
    out.print(f"The catalog {escape(catalog.name)} {has} the schema {after}.")


@app.command()
def schema(
    path: Annotated[Path, typer.Argument(help="The file.")] = Path("schema.graphql"),
    check: Annotated[bool, typer.Option(help="Only compare; fail if it differs.")] = False,
) -> None:
    """Write the GraphQL schema to a file."""
    text = build_schema(discover()).as_str() + "\n"
    if not check:
        path.write_text(text)
    elif not path.is_file() or path.read_text() != text:
        err.print(f"{path} is not the schema of this code; run `segments schema` and commit it.")
        raise typer.Exit(1)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn foreseen errors into a sentence and a status of 1."""
    try:
        yield
    except (AppError, PluginError) as error:
        problems = getattr(error, "problems", ())
        for message in [problem.message for problem in problems] or [str(error)]:
            err.print(f"[red]Error:[/red] {escape(message)}")
        if isinstance(error, PluginError):
            err.print("Mend it, uninstall it, or start without it: STRICT_PLUGINS=false.")
        sys.exit(1)
    except ValidationError as error:
        for problem in wrong_settings(error):
            err.print(f"[red]Error:[/red] {escape(problem)}")
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)


def main() -> None:
    """Run the command."""
    with _explained():
        app()
