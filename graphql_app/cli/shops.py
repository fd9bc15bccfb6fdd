"""``segments shop``: create, update and list shops."""

from typing import Annotated

import typer
from rich.markup import escape

from graphql_app.cli.console import configure, out, read_settings
from graphql_app.errors import pluralize

shop_app = typer.Typer(no_args_is_help=True, help="Create, update and list shops.")


@shop_app.command("create")
def shop_create(
    handle: Annotated[str, typer.Argument(help="A short name of a-z, 0-9 and -.")],
    name: Annotated[str, typer.Option(help="The displayed name. Default: the handle.")] = "",
    timezone: Annotated[str, typer.Option(help="An IANA time zone.")] = "UTC",
    currency: Annotated[str, typer.Option(help="An ISO 4217 currency code.")] = "USD",
    first_weekday: Annotated[str, typer.Option(help="The day on which weeks begin.")] = "MONDAY",
    country: Annotated[
        str | None,
        typer.Option(
            help="The ISO 3166-1 code of the country that phone numbers without a country code "
            "belong to, such as US."
        ),
    ] = None,
    description: Annotated[str, typer.Option(help="What the shop is about.")] = "",
) -> None:
    """Create a shop with its default segments."""
    from graphql_app.catalog.tables import Shop
    from graphql_app.cli.plugin_trial import check_plugins
    from graphql_app.segments.default_segments import create_shop
    from graphql_app.startup.catalog import open_catalog

    settings = read_settings()
    with open_catalog(settings) as catalog:
        shop = create_shop(
            catalog,
            check_plugins(settings.strict_plugins),
            Shop(
                handle=handle,
                name=name or handle,
                description=description,
                timezone=timezone,
                currency=currency,
                first_weekday=first_weekday.upper(),
                country=None if country is None else country.upper(),
            ),
        )
    out.print(f"Created the shop {escape(shop.handle)}.")


@shop_app.command("update")
def shop_update(
    handle: Annotated[str, typer.Argument(help="The shop's handle.")],
    country: Annotated[
        str, typer.Option(help="The ISO 3166-1 code of the shop's new country, such as US.")
    ],
) -> None:
    """Set a shop's country, and parse its contacts' phone numbers again."""
    from graphql_app.audience.migrate import read_phones_again
    from graphql_app.catalog import shops
    from graphql_app.startup.services import open_services

    with open_services(configure()) as services:
        shop = shops.set_country(services.catalog, handle, country.upper())
        shop_id = shops.stored_id(shop)
        phones = read_phones_again(services.audience, services.recorder, shop_id)
    out.print(
        f"Set the country of the shop {escape(handle)} to {shop.country}, and parsed "
        f"{pluralize(phones, 'phone number')} again."
    )


@shop_app.command("list")
def shop_list() -> None:
    """List the shops."""
    from rich.table import Table

    from graphql_app.catalog import shops
    from graphql_app.startup.catalog import open_catalog

    table = Table("handle", "name", "time zone", "currency", "weeks begin on", "country")
    with open_catalog(read_settings()) as catalog:
        for shop in shops.list_shops(catalog):
            weekday = shop.first_weekday.capitalize()
            values = (
                shop.handle,
                shop.name,
                shop.timezone,
                shop.currency,
                weekday,
                shop.country or "",
            )
            table.add_row(*map(escape, values))
    out.print(table)
