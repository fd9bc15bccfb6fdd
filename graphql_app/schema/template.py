"""Segment templates, filled in for the shop."""

from contextlib import suppress

import strawberry
from strawberry import field

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.criteria import SegmentTemplate as Template
from graphql_app.runtime.context import Context
from graphql_app.schema.permissions import RequestInfo, guarded
from graphql_app.schema.scalars import JSON
from graphql_app.segments.failures import CriterionFailedError


@strawberry.type(
    description="An example to start a segment from; pass its key as `SegmentCreateInput.template`."
)
class SegmentTemplate:
    key: str = field(description="The template's key.")
    name: str = field(description="The name to display.")
    description: str = field(description="Who it finds, and why.")
    rule: JSON = field(description="Its rule, filled in with the shop's own products and keywords.")
    summary: str = field(description="The rule as a sentence.")


async def _filled(context: Context, template: Template) -> SegmentTemplate:
    document = await context.engine.fill(template)
    [summary] = await context.engine.sentences([await context.parse(document)])
    return SegmentTemplate(
        key=template.key,
        name=template.name,
        description=template.description,
        rule=JSON(document),
        summary=summary,
    )


async def _templates(info: RequestInfo) -> list[SegmentTemplate]:
    context = info.context
    templates = []
    for template in context.registry.templates:
        with suppress(CriterionFailedError):  # it is logged; the other templates still work
            templates.append(await _filled(context, template))
    return templates


@strawberry.type
class TemplateQuery:
    segment_templates: list[SegmentTemplate] = guarded(
        TokenScope.SEGMENTS_READ,
        TokenScope.CONTACTS_READ,
        resolver=_templates,
        description="Templates to start a segment from.",
    )
