"""``Contact.segments``, which is added here because contacts and segments refer to each other."""

import strawberry
from strawberry.types import get_object_definition
from strawberry.types.field import StrawberryField

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.schema.contact import Contact
from graphql_app.schema.permissions import RequestInfo, guarded
from graphql_app.schema.segment import Segment


async def _segments(root: strawberry.Parent[Contact], info: RequestInfo) -> list[Segment]:
    context = info.context
    segments = dict(enumerate(await context.run_with_saved_rules(context.saved.whole)))
    rules = {number: rule for number, (_, rule) in segments.items()}
    found = await context.engine.matching(rules, root.number)
    stored = [segment for number, (segment, _) in segments.items() if number in found]
    return await Segment.list_of(context, stored)


def _add_segments() -> None:
    field: StrawberryField = guarded(
        TokenScope.SEGMENTS_READ,
        resolver=_segments,
        description="The saved segments that the contact is in, by name, without segments that are "
        "archived, have problems, or use a criterion that fails.",
    )
    field.python_name = "segments"
    field.origin = Contact
    get_object_definition(Contact, strict=True).fields.append(field)


_add_segments()
