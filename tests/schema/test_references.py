"""Segments whose rules refer to other segments."""

from typing import Any

import pytest

from tests.catalogs import on_both
from tests.client import SIZE
from tests.factories import contact
from tests.schema.operations import (
    ARCHIVE,
    CREATE,
    DELETE,
    DUPLICATE,
    EVERYONE,
    GET,
    UNARCHIVE,
    UPDATE,
    create,
    refused,
)
from tests.support import Client, Server

server = on_both

SEGMENT_SIZE = "query ($id: ID!) { segment(id: $id) { size { members } } }"
CONTAINS = "query ($id: ID!, $person: ID!) { segment(id: $id) { contains(contactId: $person) } }"
PERSON = """
query { segmentMembers(rule: {all: []}, first: 50) { nodes { id sourceId segments { name } } } }
"""
SUGGEST = """
query ($search: String!) {
  fieldSuggestions(criterion: "inSegment", field: "segment", search: $search) {
    value label operators
  }
}
"""


def within(segment: Any, operator: str = "IS") -> dict[str, Any]:
    return {"inSegment": {"operator": operator, "segment": segment["id"]}}


def named(*names: str) -> dict[str, Any]:
    return {"tag": {"operator": "ANY_OF", "tags": list(names)}}


def nested(rule: Any, levels: int) -> Any:
    return rule if levels == 0 else {"all": [nested(rule, levels - 1)]}


def update(shop: Client, segment: Any, **changes: Any) -> Any:
    return shop.ask(UPDATE, id=segment["id"], input=changes)


def size(shop: Client, segment: Any) -> int:
    members: int = shop.ask(SEGMENT_SIZE, id=segment["id"])["segment"]["size"]["members"]
    return members


@pytest.fixture
def tagged(shop: Client) -> Client:
    """Return a shop of four contacts: two have the tag a, two have b, one of them has both."""
    tags = {"1": ["a"], "2": ["a", "b"], "3": ["b"], "4": []}
    shop.record("contactsUpsert", [contact(id_, tags=own) for id_, own in tags.items()])
    return shop


def test_a_rule_matches_contacts_inside_or_outside_another_segment(tagged: Client) -> None:
    inner = create(tagged, "As", named("a"))
    assert tagged.members(within(inner)) == 2
    assert tagged.members(within(inner, "IS_NOT")) == 2
    assert tagged.members({"not": within(inner)}) == 2
    assert tagged.members({"all": [within(inner), named("b")]}) == 1
    assert tagged.members({"any": [within(inner), named("b")]}) == 3


def test_a_referenced_segment_is_one_part_of_a_size(tagged: Client) -> None:
    inner = create(tagged, "As", {"all": [named("a"), EVERYONE]})
    found = tagged.size({"all": [within(inner, "IS_NOT"), named("b")]})
    assert [(part["path"], part["members"]) for part in found["parts"]] == [
        (["rule"], 1),
        (["rule", "all", "0"], 2),
        (["rule", "all", "1"], 2),
    ]
    assert found["parts"][0]["summary"] == 'Is not in the segment "As" and is tagged with any of b'


def test_editing_a_referenced_segment_takes_effect_immediately(tagged: Client) -> None:
    inner = create(tagged, "Some", named("a"))
    middle = create(tagged, "Middle", within(inner))
    outer = create(tagged, "Outer", {"not": within(middle)})
    assert size(tagged, outer) == 2
    assert update(tagged, inner, rule=named("nobody"))["segmentUpdate"]["userErrors"] == []
    assert size(tagged, outer) == 4
    assert size(tagged, middle) == 0


def test_summaries_show_the_new_name_of_a_referenced_segment(tagged: Client) -> None:
    inner = create(tagged, "Old", named("a"))
    outer = create(tagged, "Outer", within(inner))
    assert outer["summary"] == 'Is in the segment "Old"'
    update(tagged, inner, name="New")
    found = tagged.ask(GET, id=outer["id"])["segment"]
    assert found["summary"] == 'Is in the segment "New"'
    assert found["version"] == outer["version"]


def test_membership_of_a_contact_follows_references(tagged: Client) -> None:
    inner = create(tagged, "As", named("a"))
    outer = create(tagged, "Not As", within(inner, "IS_NOT"))
    people = tagged.ask(PERSON)["segmentMembers"]["nodes"]
    mine = {
        person["sourceId"]: {segment["name"] for segment in person["segments"]} & {"As", "Not As"}
        for person in people
    }
    assert mine == {"1": {"As"}, "2": {"As"}, "3": {"Not As"}, "4": {"Not As"}}
    for person in people:
        found = tagged.ask(CONTAINS, id=outer["id"], person=person["id"])["segment"]["contains"]
        assert found is (person["sourceId"] in {"3", "4"})


def test_a_segment_cannot_refer_to_itself(shop: Client) -> None:
    segment = create(shop, "Ouroboros", EVERYONE)
    answer = update(shop, segment, rule={"all": [within(segment)]})
    path = ["input", "rule", "all", "0", "inSegment", "segment"]
    assert refused(answer) == [("SEGMENT_CYCLE", path)]
    assert '"Ouroboros" -> "Ouroboros"' in answer["segmentUpdate"]["userErrors"][0]["message"]
    assert shop.ask(GET, id=segment["id"])["segment"]["rule"] == EVERYONE


def test_a_cycle_is_refused_with_its_path(shop: Client) -> None:
    first = create(shop, "First", EVERYONE)
    second = create(shop, "Second", within(first))
    third = create(shop, "Third", {"not": within(second)})
    answer = update(shop, first, rule={"any": [named("x"), within(third)]})
    [error] = answer["segmentUpdate"]["userErrors"]
    assert error["code"] == "SEGMENT_CYCLE"
    assert error["path"] == ["input", "rule", "any", "1", "inSegment", "segment"]
    assert '"First" -> "Third" -> "Second" -> "First"' in error["message"]
    assert shop.ask(GET, id=first["id"])["segment"]["version"] == 1


@pytest.mark.parametrize("away", [DELETE, ARCHIVE])
def test_a_referenced_segment_stays_and_the_error_names_its_users(shop: Client, away: str) -> None:
    inner = create(shop, "Inner", EVERYONE)
    users = [create(shop, f"User {number}", within(inner)) for number in range(7)]
    answer = shop.ask(away, id=inner["id"])
    assert refused(answer) == [("SEGMENT_IN_USE", ["id"])]
    (payload,) = answer.values()
    message = payload["userErrors"][0]["message"]
    assert all(f'"User {number}"' in message for number in range(5))
    assert "2 more" in message
    assert size(shop, users[0]) == 0
    for user in users[1:]:
        shop.ask(DELETE, id=user["id"])
    update(shop, users[0], rule=EVERYONE)
    (payload,) = shop.ask(away, id=inner["id"]).values()
    assert payload["userErrors"] == []


def test_an_archived_segment_still_protects_segments_it_refers_to(shop: Client) -> None:
    inner = create(shop, "Inner", EVERYONE)
    outer = create(shop, "Outer", within(inner))
    shop.ask(ARCHIVE, id=outer["id"])
    assert refused(shop.ask(DELETE, id=inner["id"])) == [("SEGMENT_IN_USE", ["id"])]


def test_a_copy_refers_to_the_same_segments(shop: Client) -> None:
    inner = create(shop, "Inner", EVERYONE)
    outer = create(shop, "Outer", within(inner))
    shop.ask(DUPLICATE, id=outer["id"])
    shop.ask(DELETE, id=outer["id"])
    answer = shop.ask(DELETE, id=inner["id"])
    assert refused(answer) == [("SEGMENT_IN_USE", ["id"])]
    assert '"Outer (copy)"' in answer["segmentDelete"]["userErrors"][0]["message"]


def test_a_rule_cannot_refer_to_an_archived_segment(shop: Client) -> None:
    inner = create(shop, "Inner", EVERYONE)
    shop.ask(ARCHIVE, id=inner["id"])
    answer = shop.ask(CREATE, input={"name": "Outer", "rule": within(inner)})
    assert refused(answer) == [("INVALID", ["input", "rule", "inSegment", "segment"])]
    message = answer["segmentCreate"]["userErrors"][0]["message"]
    assert message.endswith(
        'is the segment "Inner", which is archived; restore it or choose another.'
    )
    shop.ask(UNARCHIVE, id=inner["id"])
    create(shop, "Outer", within(inner))


def test_a_rule_can_refer_to_a_default_segment(shop: Client) -> None:
    [default] = shop.ask(SUGGEST, search="us/canada")["fieldSuggestions"]
    shop.record("contactsUpsert", [contact(1, country="US"), contact(2, country="DE")])
    assert shop.members(within({"id": default["value"]})) == 1


def test_another_shops_segment_looks_like_a_missing_one(server: Server, shop: Client) -> None:
    foreign = create(server.shop(), "Foreign", EVERYONE)
    forged = {"id": "WyJTZWdtZW50Iiw5OTk5OTk5XQ"}
    messages = []
    for segment in (foreign, forged, {"id": "nonsense"}, {"id": "WyJTaG9wIiwxXQ"}):
        answer = shop.ask(CREATE, input={"name": "Outer", "rule": within(segment)})
        assert refused(answer) == [("NOT_FOUND", ["input", "rule", "inSegment", "segment"])]
        messages.append(answer["segmentCreate"]["userErrors"][0]["message"])
        [error] = shop.errors(SIZE, rule=within(segment))
        assert error["extensions"]["code"] == "NOT_FOUND"
    assert len(set(messages)) == 1


def test_nesting_counts_toward_the_depth(shop: Client) -> None:
    inner = create(shop, "Deep", nested(EVERYONE, 8))
    assert shop.members(within(inner)) == 0
    [error] = shop.errors(SIZE, rule={"not": within(inner)})
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert error["extensions"]["path"] == ["rule", "not", "inSegment", "segment"]
    assert '"Deep"' in error["message"]


def test_nesting_counts_toward_the_criteria(shop: Client) -> None:
    inner = create(shop, "Forty-nine", {"any": [named(str(number)) for number in range(49)]})
    twice = {"any": [within(inner), within(inner, "IS_NOT")]}
    assert shop.members(twice) == 0
    [error] = shop.errors(SIZE, rule={"any": [twice, named("x")]})
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "101 criteria" in error["message"]


def test_nested_references_cannot_grow_beyond_the_limit(shop: Client) -> None:
    """Each segment uses the previous one 20 times; expanded, the last would have 10^9 criteria."""
    rule: dict[str, Any] = named("x")
    for level in range(8):
        answer = shop.ask(CREATE, input={"name": f"Level {level}", "rule": rule})["segmentCreate"]
        if answer["segment"] is None:
            break
        rule = {"any": [within(answer["segment"])] * 20}
    assert [error["code"] for error in answer["userErrors"]] == ["LIMIT_EXCEEDED"]
    assert level == 2


def test_an_edit_that_makes_a_referring_segment_too_large_is_refused(shop: Client) -> None:
    inner = create(shop, "Inner", named("x"))
    middle = create(shop, "Middle", nested(within(inner), 4))
    create(shop, "Outer", nested(within(middle), 3))
    answer = update(shop, inner, rule=nested(named("x"), 3))
    assert refused(answer) == [("LIMIT_EXCEEDED", ["input", "rule"])]
    assert '"Outer"' in answer["segmentUpdate"]["userErrors"][0]["message"]
    assert shop.ask(GET, id=inner["id"])["segment"]["rule"] == named("x")


def test_segments_are_suggested_by_name(shop: Client) -> None:
    made = create(shop, "Early birds", EVERYONE)
    shop.ask(ARCHIVE, id=create(shop, "Early owls", EVERYONE)["id"])
    assert shop.ask(SUGGEST, search="EARLY")["fieldSuggestions"] == [
        {"value": made["id"], "label": "Early birds", "operators": None}
    ]


def test_a_segments_name_is_plain_text_in_a_summary(shop: Client) -> None:
    made = create(shop, 'A "quoted" name\\', EVERYONE)
    outer = create(shop, "Outer", within(made))
    assert outer["summary"] == 'Is in the segment "A "quoted" name\\"'
    assert size(shop, outer) == 0
