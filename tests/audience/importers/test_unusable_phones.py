"""Phone numbers that cannot be texted are imported with a warning."""

from graphql_app.audience.importers import BadRow
from tests.audience.importers.conftest import Shop, customers, table

IN_US = (
    "is not a valid phone number in US, so the contact cannot be texted: correct it, or start it "
    "with + and its country code"
)


def test_unusable_numbers_have_their_lines(shop: Shop) -> None:
    path = shop.file(
        "contacts.csv",
        'id,phone,country,first_name\n1,5550100,US,"a\nb"\n2,+12125550100,,\n1E+5,,,\n'
        "3,n/a,US,\n4,,US,\n4,abc,US,\n",
    )
    refused = shop.load(path)
    assert (refused.refused, refused.warnings) == (True, ())  # nothing was recorded
    result = shop.load(path, skip_bad_rows=True)
    assert result.warnings == (
        BadRow(2, "phone", f'"5550100" {IN_US}'),
        BadRow(6, "phone", f'"n/a" {IN_US}'),
        BadRow(8, "phone", f'"abc" {IN_US}'),
    )
    assert result.warning_count == 3
    assert result.recorded == {"contacts": 5}
    assert shop.rows("contacts", "id, phone, phone_e164") == [
        (1, "5550100", None),
        (2, "+12125550100", "+12125550100"),
        (3, "n/a", None),
        (4, "abc", None),
    ]


def test_unusable_numbers_of_a_parquet_file_have_their_rows(shop: Shop) -> None:
    phones = ["+12125550100", "5550100", None]
    result = shop.load(shop.parquet("contacts.parquet", table(id=[1, 2, 3], phone=phones)))
    [warning] = result.warnings
    assert (result.unit, warning.line) == ("row", 2)


def test_unusable_numbers_of_a_shopify_export_have_their_lines(shop: Shop) -> None:
    row = {"Accepts SMS Marketing": "yes", "Default Address Country Code": "US"}
    phones = ("'+12125550100", "'(212) 555-0101", "5550100")
    rows = [{"Customer ID": f"{id}", "Phone": phone, **row} for id, phone in enumerate(phones, 1)]
    result = shop.load(shop.csv("customers.csv", customers(*rows)))
    assert result.warnings == (BadRow(4, "phone", f'"5550100" {IN_US}'),)
    assert shop.rows("contacts", "id, phone_e164, textable") == [
        (1, "+12125550100", True),
        (2, "+12125550101", True),
        (3, None, False),
    ]
