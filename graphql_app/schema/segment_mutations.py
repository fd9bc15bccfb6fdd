"""Mutations of saved segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar

import strawberry

from graphql_app.catalog.tables import Segment as StoredSegment
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode, NotFoundError
from graphql_app.ids import SEGMENT, number_of
from graphql_app.runtime.context import Context
from graphql_app.schema.descriptions import argument
from graphql_app.schema.errors import UserError, answer
from graphql_app.schema.ids import Id
from graphql_app.schema.permissions import RequestInfo, guarded_mutation
from graphql_app.schema.rule import RuleInputs, input_type
from graphql_app.schema.segment import Segment
from graphql_app.schema.template import template_rule
from graphql_app.segments.repository import Changes
from graphql_app.segments.rules.parser import keys_in


@strawberry.type
class SegmentPayload:
    """What the mutations of a segment answer."""

    segment: Segment | None = strawberry.field(description="The segment as it is now.")
    user_errors: list[UserError] = strawberry.field(
        description="Why nothing was changed; empty when all went well."
    )


@strawberry.type(description="What segmentCreate answers.")
class SegmentCreatePayload(SegmentPayload):
    """See the description."""


@strawberry.type(description="What segmentUpdate answers.")
class SegmentUpdatePayload(SegmentPayload):
    """See the description."""


@strawberry.type(description="What segmentDuplicate answers.")
class SegmentDuplicatePayload(SegmentPayload):
    """See the description."""


@strawberry.type(description="What segmentArchive answers.")
class SegmentArchivePayload(SegmentPayload):
    """See the description."""


@strawberry.type(description="What segmentUnarchive answers.")
class SegmentUnarchivePayload(SegmentPayload):
    """See the description."""


@strawberry.type(description="What segmentDelete answers.")
class SegmentDeletePayload:
    """See the description."""

    deleted_id: strawberry.ID | None = strawberry.field(description="The id that is gone.")
    user_errors: list[UserError] = strawberry.field(
        description="Why nothing was changed; empty when all went well."
    )


Payload = TypeVar("Payload", bound=SegmentPayload)


async def _segment_answer(
    context: Context,
    payload: type[Payload],
    work: Callable[[], StoredSegment],
    criteria: Iterable[str] = (),
) -> Payload:
    async def done() -> Payload:
        return payload(segment=Segment.of(await context.run_with(criteria, work)), user_errors=[])

    return await answer(done, lambda errors: payload(segment=None, user_errors=errors))


def _number(id: strawberry.ID) -> int:
    number = number_of(SEGMENT, id)
    if number is None or number >= 2**31:
        raise NotFoundError("segment", ("id",))
    return number


async def _delete(info: RequestInfo, id: Id) -> SegmentDeletePayload:
    context = info.context

    async def done() -> SegmentDeletePayload:
        await context.run(context.saved.delete, _number(id))
        return SegmentDeletePayload(deleted_id=id, user_errors=[])

    return await answer(
        done, lambda errors: SegmentDeletePayload(deleted_id=None, user_errors=errors)
    )


async def _duplicate(
    info: RequestInfo,
    id: Id,
    name: Annotated[
        str | None,
        strawberry.argument(description="The copy's name; made of the original's when left out."),
    ] = None,
) -> SegmentDuplicatePayload:
    saved = info.context.saved
    payload = await _segment_answer(
        info.context, SegmentDuplicatePayload, lambda: saved.duplicate(_number(id), name)
    )
    for error in payload.user_errors:
        error.path = error.path[error.path[:1] == ["input"] :]  # here the name is an argument
    return payload


async def _archive(info: RequestInfo, id: Id) -> SegmentArchivePayload:
    saved = info.context.saved
    return await _segment_answer(
        info.context, SegmentArchivePayload, lambda: saved.archive(_number(id), True)
    )


async def _unarchive(info: RequestInfo, id: Id) -> SegmentUnarchivePayload:
    saved = info.context.saved
    return await _segment_answer(
        info.context, SegmentUnarchivePayload, lambda: saved.archive(_number(id), False)
    )


def _inputs(inputs: RuleInputs) -> tuple[Any, Any]:
    """The inputs of create and update, whose rule is of this registry's criteria."""

    def optional(annotation: Any, description: str) -> tuple[Any, Any]:
        field = strawberry.field(default=strawberry.UNSET, description=description)
        return annotation | None, field

    create = input_type(
        "SegmentCreateInput",
        {
            "name": optional(str, "1 to 255 characters; the template's when left out."),
            "description": optional(str, "At most 2000 characters."),
            "rule": optional(inputs.rule, "Whom it holds; this or a template."),
            "template": optional(str, "The key of a template to take the rule from."),
        },
        description="A new segment: a name and a rule, or a template.",
    )
    update = input_type(
        "SegmentUpdateInput",
        {
            "name": optional(str, "1 to 255 characters."),
            "description": optional(str, "At most 2000 characters."),
            "rule": optional(inputs.rule, "Whom it holds."),
            "expected_version": optional(
                int, "The version that was edited; refused if somebody saved another since."
            ),
        },
        description="What to change of a segment; what is left out stays.",
    )
    return create, update


async def _new(context: Context, given: Mapping[str, Any]) -> Changes:
    """The name, description and rule of a new segment, with the template's where they are absent.

    Raises:
        AppError: A rule and a template are given, or neither; or there is no such template.
    """
    key, rule = given.get("template"), given.get("rule")
    if (key is None) == (rule is None):
        raise AppError(ErrorCode.INVALID, "Give a rule or a template, one of them.", ("input",))
    name, description = given.get("name"), given.get("description")
    if key is None:
        if name is None:
            raise AppError(ErrorCode.INVALID, "A segment needs a name.", ("input", "name"))
        return Changes(name, description, rule)
    templates = {template.key: template for template in context.services.registry.templates}
    if key not in templates:
        raise AppError(
            ErrorCode.NOT_FOUND,
            f"There is no template {key!r}; there are {', '.join(templates)}.",
            ("input", "template"),
        )
    if TokenScope.CONTACTS_READ not in context.access.scopes:
        raise AppError(
            ErrorCode.FORBIDDEN,
            "A template is filled in with the shop's own values: it needs a token with "
            f"{TokenScope.CONTACTS_READ}.",
        )
    template = templates[key]
    filled = await template_rule(context, template)
    return Changes(
        template.name if name is None else name,
        template.description if description is None else description,
        filled,
    )


def segment_mutation(inputs: RuleInputs) -> type:
    """The mutations of segments."""
    create_input, update_input = _inputs(inputs)

    async def create(info: RequestInfo, input: Any) -> SegmentCreatePayload:
        context = info.context

        async def done() -> SegmentCreatePayload:
            changes = await _new(context, input)
            stored = await context.run_with(keys_in(changes.rule), context.saved.create, changes)
            return SegmentCreatePayload(segment=Segment.of(stored), user_errors=[])

        return await answer(
            done, lambda errors: SegmentCreatePayload(segment=None, user_errors=errors)
        )

    async def update(
        info: RequestInfo,
        id: Id,
        input: Any,
    ) -> SegmentUpdatePayload:
        changes = Changes(input.get("name"), input.get("description"), input.get("rule"))
        expected = input.get("expectedVersion")
        saved = info.context.saved
        return await _segment_answer(
            info.context,
            SegmentUpdatePayload,
            lambda: saved.update(_number(id), changes, expected),
            keys_in(changes.rule),
        )

    create.__annotations__["input"] = argument(create_input, "The new segment.")
    update.__annotations__["input"] = argument(update_input, "What to change.")
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
            writes, resolver=_delete, description="Delete a segment, for good."
        )
        segment_duplicate: SegmentDuplicatePayload = guarded_mutation(
            writes,
            resolver=_duplicate,
            description="Save a copy of a segment, under a name or as a copy of its name.",
        )
        segment_archive: SegmentArchivePayload = guarded_mutation(
            writes, resolver=_archive, description="Put a segment away."
        )
        segment_unarchive: SegmentUnarchivePayload = guarded_mutation(
            writes, resolver=_unarchive, description="Take a segment back."
        )

    return SegmentMutation
