"""The commands that create and list shops."""

from pathlib import Path

from tests.e2e import process


def test_the_weeks_of_a_shop_begin_on_monday_or_a_named_day(tmp_path: Path) -> None:
    process.segments(tmp_path, "shop", "create", "acme")
    process.segments(tmp_path, "shop", "create", "duke", "--first-weekday", "sunday")
    listed = process.segments(tmp_path, "shop", "list").splitlines()
    weekdays = {line.split()[1]: line.split()[-2] for line in listed if "USD" in line}
    assert weekdays == {"acme": "Monday", "duke": "Sunday"}
    refused = process.segments(
        tmp_path, "shop", "create", "late", "--first-weekday", "someday", status=1
    )
    assert "Unknown weekday 'SOMEDAY': use one of MONDAY, TUESDAY" in refused
