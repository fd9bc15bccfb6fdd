"""Mutations of saved segments."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar

import strawberry

from graphql_app.catalog.tables import Segment as StoredSegment
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode
from graphql_app.runtime.context import Context
from graphql_app.schema.descriptions import argument
from graphql_app.schema.errors import UserError, answer
from graphql_app.schema.ids import Id
from graphql_app.schema.permissions import RequestInfo, guarded_mutation
from graphql_app.schema.rule import RuleInputs, input_type, optional_field
from graphql_app.schema.segment import Segment
from graphql_app.segments.editor import Changes
from graphql_app.segments.repository import segment_number


@strawberry.type
class SegmentPayload:
    segment: Segment | None = strawberry.field(description="The segment after the mutation.")
    user_errors: list[UserError] = strawberry.field(
        description="Why nothing was changed; empty on success."
    )


@strawberry.type(description="The result of segmentCreate.")
class SegmentCreatePayload(SegmentPayload): ...


@strawberry.type(description="The result of segmentUpdate.")
class SegmentUpdatePayload(SegmentPayload): ...


@strawberry.type(description="The result of segmentDuplicate.")
class SegmentDuplicatePayload(SegmentPayload): ...


@strawberry.type(description="The result of segmentArchive.")
class SegmentArchivePayload(SegmentPayload): ...


@strawberry.type(description="The result of segmentUnarchive.")
class SegmentUnarchivePayload(SegmentPayload): ...


@strawberry.type(description="The result of segmentDelete.")
class SegmentDeletePayload:
    deleted_id: strawberry.ID | None = strawberry.field(
        description="The global id of the deleted segment."
    )
    user_errors: list[UserError] = strawberry.field(
        description="Why nothing was changed; empty on success."
    )


Payload = TypeVar("Payload", bound=SegmentPayload)


async def _edit(
    context: Context, payload: type[Payload], edit: Callable[[], Awaitable[StoredSegment]]
) -> Payload:
    async def done() -> Payload:
        return payload(segment=await Segment.of(context, await edit()), user_errors=[])

    return await answer(done, lambda errors: payload(segment=None, user_errors=errors))


async def _delete(info: RequestInfo, id: Id) -> SegmentDeletePayload:
    context = info.context

    async def done() -> SegmentDeletePayload:
        await context.run_without_rules(context.segment_editor.delete, segment_number(id))
        return SegmentDeletePayload(deleted_id=id, user_errors=[])

    return await answer(
        done, lambda errors: SegmentDeletePayload(deleted_id=None, user_errors=errors)
    )


async def _duplicate(
    info: RequestInfo,
    id: Id,
    name: Annotated[
        str | None,
        strawberry.argument(
            description="The name of the copy; by default, made from the original's name."
        ),
    ] = None,
) -> SegmentDuplicatePayload:
    context = info.context
    payload = await _edit(
        context,
        SegmentDuplicatePayload,
        lambda: context.run_without_rules(
            context.segment_editor.duplicate, segment_number(id), name
        ),
    )
    for error in payload.user_errors:
        error.path = error.path[error.path[:1] == ["input"] :]  # the name is an argument here
    return payload


async def _archive(info: RequestInfo, id: Id) -> SegmentArchivePayload:
    context = info.context
    return await _edit(
        context,
        SegmentArchivePayload,
        lambda: context.run_without_rules(context.segment_editor.archive, segment_number(id), True),
    )


async def _unarchive(info: RequestInfo, id: Id) -> SegmentUnarchivePayload:
    context = info.context
    return await _edit(
        context,
        SegmentUnarchivePayload,
        lambda: context.run_without_rules(
            context.segment_editor.archive, segment_number(id), False
        ),
    )


def _inputs(inputs: RuleInputs) -> tuple[Any, Any]:
    def optional(annotation: Any, description: str) -> tuple[Any, Any]:
        return annotation | None, optional_field(description)

    create = input_type(
        "SegmentCreateInput",
        {
            "name": optional(str, "1 to 255 characters; by default, the template's name."),
            "description": optional(str, "At most 2000 characters."),
            "rule": optional(inputs.rule, "The rule; send this or a template."),
            "template": optional(str, "The key of the template whose rule to use."),
        },
        description="A new segment: a name and a rule, or a template.",
    )
    update = input_type(
        "SegmentUpdateInput",
        {
            "name": optional(str, "1 to 255 characters."),
            "description": optional(str, "At most 2000 characters."),
            "rule": optional(inputs.rule, "The rule."),
            "expected_version": optional(
                int,
                "The version that you edited; the update fails if the segment has changed since.",
            ),
        },
        description="Changes to a segment; fields that are left out stay as they are.",
    )
    return create, update


async def _new(context: Context, given: Mapping[str, Any]) -> Changes:
    """Return a new segment's name, description and rule, with the template's as defaults."""
    key, rule = given.get("template"), given.get("rule")
    if (key is None) == (rule is None):
        raise AppError(ErrorCode.INVALID, "Send either a rule or a template.", ("input",))
    name, description = given.get("name"), given.get("description")
    if key is None:
        if name is None:
            raise AppError(ErrorCode.INVALID, "A segment needs a name.", ("input", "name"))
        return Changes(name, description, rule)
    templates = {template.key: template for template in context.registry.templates}
    if key not in templates:
        raise AppError(
            ErrorCode.NOT_FOUND,
            f"Unknown template {key!r}; use one of {', '.join(templates)}.",
            ("input", "template"),
        )
    if TokenScope.CONTACTS_READ not in context.access.scopes:
        raise AppError(
            ErrorCode.FORBIDDEN,
            "A template is filled in with the shop's own values, which requires a token with "
            f"{TokenScope.CONTACTS_READ}.",
        )
    template = templates[key]
    return Changes(
        template.name if name is None else name,
        template.description if description is None else description,
        await context.engine.fill(template),
    )


def segment_mutation(inputs: RuleInputs) -> type:
    create_input, update_input = _inputs(inputs)

    async def create(info: RequestInfo, input: Any) -> SegmentCreatePayload:
        context = info.context

        async def edit() -> StoredSegment:
            changes = await _new(context, input)
            create = context.segment_editor.create
            return await context.run_with_rules([changes.rule], create, changes)

        return await _edit(context, SegmentCreatePayload, edit)

    async def update(info: RequestInfo, id: Id, input: Any) -> SegmentUpdatePayload:
        context = info.context
        changes = Changes(input.get("name"), input.get("description"), input.get("rule"))
        expected = input.get("expectedVersion")
        # The rules of segments that refer to this one are checked, too.
        return await _edit(
            context,
            SegmentUpdatePayload,
            lambda: context.run_with_saved_rules(
                context.segment_editor.update, segment_number(id), changes, expected
            ),
        )

    create.__annotations__["input"] = argument(create_input, "The new segment.")
    update.__annotations__["input"] = argument(update_input, "The changes.")
    writes = TokenScope.SEGMENTS_WRITE

    @strawberry.type
    class SegmentMutation:
        segment_create: SegmentCreatePayload = guarded_mutation(
            writes, resolver=create, description="Save a new segment."
        )
        segment_update: SegmentUpdatePayload = guarded_mutation(
            writes, resolver=update, description="Change a segment's name, description or rule."
        )
        segment_delete: SegmentDeletePayload = guarded_mutation(
            writes, resolver=_delete, description="Delete a segment permanently."
        )
        segment_duplicate: SegmentDuplicatePayload = guarded_mutation(
            writes, resolver=_duplicate, description="Save a copy of a segment."
        )
        segment_archive: SegmentArchivePayload = guarded_mutation(
            writes, resolver=_archive, description="Archive a segment."
        )
        segment_unarchive: SegmentUnarchivePayload = guarded_mutation(
            writes, resolver=_unarchive, description="Restore an archived segment."
        )

    return SegmentMutation
