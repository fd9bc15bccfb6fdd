"""The default segments of every shop, and the templates to start from."""

from graphql_app.criteria import DefaultSegment, SegmentTemplate, Suggested, hookimpl


@hookimpl
def register_default_segments() -> list[DefaultSegment]:
    return [
        DefaultSegment(
            key="us-canada",
            name="All US/Canada Customers and Subscribers",
            description="Everyone in the United States or Canada.",
            rule={"location": {"operator": "ANY_OF", "countries": ["US", "CA"]}},
        ),
        DefaultSegment(
            key="texted-more-than-once",
            name="Customers Texted More Than Once",
            description="Customers who have been sent at least two texts.",
            rule={
                "all": [
                    {"contactType": {"operator": "IS", "type": "CUSTOMER"}},
                    {"textsReceived": {"operator": "GREATER_THAN", "count": 1}},
                ]
            },
        ),
    ]


@hookimpl
def register_segment_templates() -> list[SegmentTemplate]:
    first, second = Suggested(0, "product-a"), Suggested(1, "product-b")
    return [
        SegmentTemplate(
            key="vips",
            name="VIPs",
            description="Your best customers: they order often and spend the most.",
            rule={
                "all": [
                    {"spend": {"operator": "AT_LEAST", "amount": "500.00"}},
                    {"ordersPlaced": {"operator": "AT_LEAST", "count": 3}},
                ]
            },
        ),
        SegmentTemplate(
            key="at-risk",
            name="At-Risk",
            description="Customers who used to order but have not for a while.",
            rule={
                "all": [
                    {"ordersPlaced": {"operator": "AT_LEAST", "count": 1}},
                    {"lastOrderDate": {"operator": "NOT_IN_LAST", "days": 90}},
                ]
            },
        ),
        SegmentTemplate(
            key="cross-sells",
            name="Cross-Sells",
            description="They bought one product, but not yet another that goes with it.",
            rule={
                "all": [
                    {"productPurchased": {"operator": "ANY_OF", "products": [first]}},
                    {"productPurchased": {"operator": "NONE_OF", "products": [second]}},
                ]
            },
        ),
        SegmentTemplate(
            key="keywords",
            name="Keywords",
            description="Contacts who texted in a keyword.",
            rule={"keyword": {"operator": "ANY_OF", "keywords": [Suggested(0, "join")]}},
        ),
    ]
