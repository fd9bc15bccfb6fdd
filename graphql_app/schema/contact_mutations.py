"""Changing, merging and erasing contacts, by their ids in the source system."""

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from graphql_app.audience import facts
from graphql_app.audience.facts import FactType
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode, InvalidInputError, Problem
from graphql_app.runtime.fact_recording import FactRecorder
from graphql_app.schema.facts import (
    MAX_ITEMS,
    FactsPayload,
    IdempotencyKey,
    Item,
    check_items,
    fact_input,
    facts_payload,
    require_few,
    translate_bad_facts,
)
from graphql_app.schema.permissions import RequestInfo, guarded_mutation
from graphql_app.schema.rule import list_of

ContactPatchInput = fact_input(
    "ContactPatchInput",
    facts.CONTACT_PATCHES,
    "Changes of the contact with this `id`. Fields that are left out keep their values, and null "
    "clears. `properties` are a JSON Merge Patch: they change those they name, and null removes.",
)

_CONTACT_ID = FactType("contacts", (facts.CONTACTS.fields[0],))


def _patch(recorder: FactRecorder, items: Sequence[Item]) -> int:
    """Check changes of contacts and make them; return their number."""
    patches = check_items(facts.CONTACT_PATCHES, "contacts", items)
    given = [
        {field.name for field in facts.CONTACT_PATCHES.fields if to_camel_case(field.name) in item}
        for item in items
    ]
    with translate_bad_facts("contacts"):
        recorder.patch_contacts(patches, given)
    return len(items)


def _forget(recorder: FactRecorder, ids: Sequence[str]) -> int:
    require_few("ids", ids)
    table, bad = facts.check_batch(_CONTACT_ID, {"id": list(ids)}, len(ids))
    if bad:
        raise InvalidInputError(
            Problem(ErrorCode.INVALID, f"The id {b.message}.", ("ids", b.row)) for b in bad
        )
    recorder.forget(table["id"].to_pylist())
    return len(ids)


def _parse_contact_id(argument: str, id: str) -> str:
    parsed, bad = facts.check_batch(_CONTACT_ID, {"id": [id]}, 1)
    if bad:
        raise AppError(ErrorCode.INVALID, f"{argument} {bad[0].message}.", (argument,))
    found: str = parsed["id"][0].as_py()
    return found


def _merge(recorder: FactRecorder, source: str, target: str) -> int:
    ids = _parse_contact_id("from", source), _parse_contact_id("into", target)
    if ids[0] == ids[1]:
        raise AppError(ErrorCode.INVALID, "from and into are the same id.", ("into",))
    recorder.merge(*ids)
    return 1


async def _contacts_forget(
    info: RequestInfo,
    ids: Annotated[
        list[strawberry.ID],
        strawberry.argument(description=f"Ids in the source system, at most {MAX_ITEMS}."),
    ],
    idempotency_key: IdempotencyKey = None,
) -> FactsPayload:
    return await facts_payload(info, idempotency_key, "ids", _forget, ids)


async def _contacts_merge(
    info: RequestInfo,
    from_id: Annotated[
        strawberry.ID,
        strawberry.argument(
            name="from", description="The id in the source system of the contact to merge."
        ),
    ],
    into: Annotated[
        strawberry.ID,
        strawberry.argument(description="The id in the source system of the contact who remains."),
    ],
    idempotency_key: IdempotencyKey = None,
) -> FactsPayload:
    return await facts_payload(info, idempotency_key, "from", _merge, from_id, into)


async def _contacts_patch(
    info: RequestInfo, items: Any, idempotency_key: IdempotencyKey = None
) -> FactsPayload:
    return await facts_payload(info, idempotency_key, "contacts", _patch, items)


_contacts_patch.__annotations__["items"] = Annotated[
    list_of(ContactPatchInput),
    strawberry.argument(
        name="contacts", description=f"At most {MAX_ITEMS} contacts; all are changed, or none."
    ),
]


@strawberry.type
class ContactsMutation:
    contacts_forget: FactsPayload = guarded_mutation(
        TokenScope.FACTS_WRITE,
        resolver=_contacts_forget,
        description="Erase contacts and all facts about them, permanently.",
    )
    contacts_patch: FactsPayload = guarded_mutation(
        TokenScope.FACTS_WRITE,
        resolver=_contacts_patch,
        description="Change some attributes of recorded contacts, and leave the others as they "
        "are.",
    )
    contacts_merge: FactsPayload = guarded_mutation(
        TokenScope.FACTS_WRITE,
        resolver=_contacts_merge,
        description="Merge a contact into another one. All facts of the first become facts of the "
        "second, also those that arrive later. Attributes that the second one lacks are taken from "
        "the first. Repeating a call changes nothing.",
    )
