"""``segments token``: access to a shop."""

from typing import Annotated

import typer
from rich.markup import escape

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.cli.console import ShopOption, out, read_settings

token_app = typer.Typer(no_args_is_help=True, help="Tokens, which give access to a shop.")


@token_app.command("create")
def token_create(
    shop: ShopOption,
    scopes: Annotated[
        str, typer.Option(help=f"all, or some of {','.join(TokenScope)}, separated by commas.")
    ] = "all",
    name: Annotated[str, typer.Option(help="What the token is for.")] = "",
) -> None:
    """Create a token and print it; it is not shown again."""
    from graphql_app.catalog import shops, tokens
    from graphql_app.startup.catalog import open_catalog

    try:
        granted = (
            list(TokenScope)
            if scopes == "all"
            else [TokenScope(scope.strip()) for scope in scopes.split(",")]
        )
    except ValueError as error:
        raise typer.BadParameter(f"{error}; use {', '.join(TokenScope)}.") from error
    with open_catalog(read_settings()) as catalog:
        print(tokens.create_token(catalog, shops.find_shop(catalog, shop), granted, name))


@token_app.command("list")
def token_list(shop: ShopOption) -> None:
    """List a shop's tokens without their secrets."""
    from rich.table import Table

    from graphql_app.catalog import shops, tokens
    from graphql_app.startup.catalog import open_catalog

    table = Table("id", "name", "scopes", "created", "revoked")
    with open_catalog(read_settings()) as catalog:
        for token in tokens.list_tokens(catalog, shops.find_shop(catalog, shop)):
            revoked = f"{token.revoked_at:%Y-%m-%d %H:%M}" if token.revoked_at else ""
            created = f"{token.created_at:%Y-%m-%d %H:%M}"
            table.add_row(token.id, escape(token.name), " ".join(token.scopes), created, revoked)
    out.print(table)


@token_app.command("revoke")
def token_revoke(
    token_id: Annotated[str, typer.Argument(help="The id, from `segments token list`.")],
) -> None:
    """Revoke a token immediately."""
    from graphql_app.catalog import tokens
    from graphql_app.startup.catalog import open_catalog

    with open_catalog(read_settings()) as catalog:
        out.print(f"Revoked {tokens.revoke_token(catalog, token_id)}.")
