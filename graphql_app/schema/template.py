"""Templates: examples to start segments from."""

from __future__ import annotations

import strawberry

from graphql_app.catalog.tables import TokenScope
from graphql_app.criteria import SegmentTemplate as Template
from graphql_app.schema.context import Context, RequestInfo, guarded
from graphql_app.schema.scalars import JSON
from graphql_app.segments import rule as rules
from graphql_app.segments.starters import filled


@strawberry.type(description="An example to start a segment from; see SegmentCreateInput.template.")
class SegmentTemplate:
    """See the description."""

    key: str = strawberry.field(description="Its name for programs.")
    name: str = strawberry.field(description="Its name for people.")
    description: str = strawberry.field(description="Whom it finds, and why.")
    rule: JSON = strawberry.field(
        description="Its rule, with the shop's own products and keywords."
    )
    summary: str = strawberry.field(description="The rule as a sentence.")


async def template_rule(context: Context, template: Template) -> dict[str, object]:
    """A template's rule, filled in for the shop that asks."""
    services = context.services
    return await context.run(
        filled, template, services.registry, services.audience, context.shop_id, context.scope
    )


async def _templates(info: RequestInfo) -> list[SegmentTemplate]:
    context = info.context
    templates = []
    for template in context.services.registry.templates:
        document = await template_rule(context, template)
        rule = rules.parse(document, context.services.registry)
        templates.append(
            SegmentTemplate(
                key=template.key,
                name=template.name,
                description=template.description,
                rule=JSON(document),
                summary=rules.sentence(rule, context.scope),
            )
        )
    return templates


@strawberry.type
class TemplateQuery:
    """The query of templates."""

    segment_templates: list[SegmentTemplate] = guarded(
        TokenScope.SEGMENTS_READ,
        TokenScope.CONTACTS_READ,
        resolver=_templates,
        description="Examples to start from.",
    )
