"""Criteria of a third party that measure in odd ways, all of them allowed."""

from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from graphql_app.audience.tables import INSTANT, Contact, Order, OrderLine, Product, Statement
from graphql_app.criteria import (
    Count,
    CountCriterion,
    Criterion,
    Interval,
    Scope,
    StateOperator,
    form_field,
    hookimpl,
)


class OddCount(CountCriterion):
    """A count that is compared with a number."""


class Ratio(OddCount):
    """A quarter of the number of orders, as a floating-point number."""

    key = "oddRatio"
    label = "Ratio"
    absent: ClassVar[int | None] = None

    def measure(self, scope: Scope) -> Statement:
        contact_id = col(Order.contact_id)
        return select(contact_id, func.count() / func.toFloat64(4)).group_by(contact_id)


class Each(OddCount):
    """The totals of all orders, although the contract allows one row per contact."""

    key = "oddEach"
    label = "Each"
    absent: ClassVar[int | None] = None

    def measure(self, scope: Scope) -> Statement:
        return select(col(Order.contact_id), func.toInt64(col(Order.total)))


class Huge(OddCount):
    """Whole numbers with more bits than a vector can have."""

    key = "oddHuge"
    label = "Huge"

    def measure(self, scope: Scope) -> Statement:
        contact_id = col(Order.contact_id)
        largest = func.toUInt64("18446744073709551000")
        return select(contact_id, largest + func.count()).group_by(contact_id)


class Anything(OddCount):
    """The refunded amount, or NULL without one; every amount matches."""

    key = "oddAnything"
    label = "Anything"

    def measure(self, scope: Scope) -> Statement:
        contact_id = col(Order.contact_id)
        refunded = func.sum(func.nullIf(func.toInt64(col(Order.refunded)), 0))
        return select(contact_id, refunded).group_by(contact_id)

    def interval(self, scope: Scope) -> Interval[Any]:
        return Interval()


class Ordered(OddCount):
    """The number of orders, 0 for contacts without orders."""

    key = "oddOrdered"
    label = "Ordered"

    def measure(self, scope: Scope) -> Statement:
        return select(col(Order.contact_id), func.count()).group_by(col(Order.contact_id))


class OwnWay(Ordered):
    """The number of orders, compared with twice the number of the rule."""

    key = "oddOwnWay"
    label = "Own way"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        twice = self.model_copy(update={"count": self.count * 2})
        return super(OwnWay, twice).matches(scope)


class OrderedIfEver(Ordered):
    """The number of orders, with the same SQL; contacts without orders never match."""

    key = "oddIfEver"
    label = "Ordered if ever"
    absent: ClassVar[int | None] = None


class Numbered(Criterion):
    """A criterion with a number."""

    operator: StateOperator
    count: Count = form_field("Number")


class Whole(Numbered):
    """Matches contacts whose id is at least a number; it overrides ``fragment``."""

    key = "oddWhole"
    label = "Whole"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.id) >= self.count

    def fragment(self, scope: Scope) -> ColumnElement[bool]:
        return super().fragment(scope)


class Clock(Numbered):
    """Matches contacts created at least ``count`` seconds ago, by the engine's clock."""

    key = "oddClock"
    label = "Clock"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.created_at) <= func.now64(3) - func.toIntervalSecond(self.count)


class Age(Numbered):
    """Matches contacts created at least ``count`` seconds ago, by arithmetic in SQL."""

    key = "oddAge"
    label = "Age"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        created = func.toUnixTimestamp(col(Contact.created_at))
        return created <= int(scope.now.timestamp()) - self.count


class Drift(Numbered):
    """Like ``Age``, in milliseconds: a number, not an instant, moves with the clock."""

    key = "oddDrift"
    label = "Drift"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        created = func.toUnixTimestamp64Milli(col(Contact.created_at))
        return created <= int(scope.now.timestamp() * 1000) - self.count * 1000


class Recent(Numbered):
    """Matches contacts who ordered a known product in the last ``count`` seconds."""

    key = "oddRecent"
    label = "Recent"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        start = scope.now - timedelta(seconds=self.count)
        known = select(col(Product.id))
        return col(Contact.id).in_(
            select(col(OrderLine.contact_id)).where(
                col(OrderLine.ordered_at) > literal(start, INSTANT),
                col(OrderLine.product_id).in_(known),
            )
        )


class Namesake(Numbered):
    """Matches contacts in the US, through an alias of the table of contacts."""

    key = "oddNamesake"
    label = "Namesake"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        other = aliased(Contact)
        return col(Contact.id).in_(select(col(other.id)).where(col(other.country) == "US"))


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [
        Ratio, Each, Huge, Anything, OwnWay, Ordered, OrderedIfEver, Whole, Clock, Age, Drift,
        Recent, Namesake,
    ]  # fmt: skip
