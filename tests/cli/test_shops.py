"""The commands that create and list shops."""

from pathlib import Path

from tests.e2e import process


def list_shops(directory: Path) -> dict[str, list[str]]:
    """Return the cells of each shop's row in the list."""
    lines = process.segments(directory, "shop", "list").splitlines()
    rows = [[cell.strip() for cell in line.split("│")] for line in lines if "USD" in line]
    return {cells[1]: cells for cells in rows}


def test_the_weeks_of_a_shop_begin_on_monday_or_a_named_day(tmp_path: Path) -> None:
    process.segments(tmp_path, "shop", "create", "acme")
    process.segments(tmp_path, "shop", "create", "duke", "--first-weekday", "sunday")
    weekdays = {handle: cells[5] for handle, cells in list_shops(tmp_path).items()}
    assert weekdays == {"acme": "Monday", "duke": "Sunday"}
    refused = process.segments(
        tmp_path, "shop", "create", "late", "--first-weekday", "someday", status=1
    )
    assert "Unknown weekday 'SOMEDAY': use one of MONDAY, TUESDAY" in refused


def test_a_shop_that_moves_reads_its_phone_numbers_again(tmp_path: Path) -> None:
    process.segments(tmp_path, "shop", "create", "acme")
    process.segments(tmp_path, "shop", "create", "duke", "--country", "gb")
    countries = {handle: cells[6] for handle, cells in list_shops(tmp_path).items()}
    assert countries == {"acme": "", "duke": "GB"}
    for command in ("create late --country XX", "update acme --country USA"):
        refused = process.segments(tmp_path, "shop", *command.split(), status=1)
        assert "must be an ISO 3166-1 country code" in refused

    file = tmp_path / "contacts.csv"
    file.write_text("id,phone\n1,(212) 555-0100\n2,5550100\n3,n/a\n4,\n")
    imported = process.segments(tmp_path, "import", str(file), "--shop", "acme")
    assert f'{file}: line 2: warning: phone "(212) 555-0100" does not say its country' in imported
    assert "contacts: 4 recorded" in imported
    updated = process.segments(tmp_path, "shop", "update", "acme", "--country", "us")
    assert "Set the country of the shop acme to US, and parsed 3 phone numbers again." in updated
    again = process.segments(
        tmp_path, "import", str(file), "--shop", "acme", "--bad-rows-shown", "1"
    )
    assert f'{file}: line 3: warning: phone "5550100" is not a valid phone number in US' in again
    assert "... and 1 more warning." in again
