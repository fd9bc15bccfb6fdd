"""Files whose facts name contacts by email address or phone number."""

from tests.audience.importers.conftest import Shop

AT = "2024-05-01T09:58:12Z"


def test_facts_belong_to_contacts_with_their_addresses(shop: Shop) -> None:
    log = f"id,phone,sent_at\n1,+12125550100,{AT}\n2,+1 (212) 555-0101,{AT}\n3,+12125550102,{AT}\n"
    shop.load(shop.file("texts.csv", log))
    assert shop.rows("texts", "count()") == [(3,)]
    people = "id,phone\n7,+1 212 555 0100\nx,+12125550101\n"
    shop.load(shop.file("contacts.csv", people))
    assert shop.rows("texts", "id, contact_id")[0] == (1, 7)
    known = "SELECT id FROM contacts WHERE NOT deleted"
    assert shop.rows("texts", f"countIf(contact_id IN ({known}))") == [(2,)]


def test_rows_with_ambiguous_addresses_are_bad(shop: Shop) -> None:
    people = "id,email\n1,info@example.com\n2,info@example.com\n3,ada@example.com\n"
    shop.load(shop.file("contacts.csv", people))
    rows = (
        f"contact_id,email,keyword,received_at\n,ada@example.com,JOIN,{AT}\n"
        f",info@example.com,JOIN,{AT}\n1,info@example.com,JOIN,{AT}\n,,JOIN,{AT}\n,n/a,JOIN,{AT}\n"
    )
    report = shop.load(shop.file("keywords.csv", rows), skip_bad_rows=True)
    assert [(bad.line, bad.column, bad.message) for bad in report.bad_rows] == [
        (3, "email", "belongs to several contacts: 1, 2; name one by its id"),
        (5, "contact_id", "is required, or else an email or phone"),
        (6, "email", "must be an email address"),
    ]
    assert report.recorded == {"keywords": 2}
    assert shop.rows("keywords", "contact_id") == [(1,), (3,)]
