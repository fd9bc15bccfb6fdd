"""A marketer's editing session of 200 steps, identical on every run."""

import random
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

Rule = dict[str, Any]

OPERATORS = ("GREATER_THAN", "AT_LEAST", "LESS_THAN", "AT_MOST", "EQUALS", "NOT_EQUALS")
LAST_MONTH = {"last": {"count": 30, "unit": "DAYS"}}


def _criteria(random: random.Random) -> tuple[Rule, ...]:
    """Return criteria that a session adds repeatedly, with different bounds."""
    number = random.randrange(1, 200)
    return (
        {"spend": {"operator": random.choice(OPERATORS), "amount": f"{number}.00"}},
        {"textsReceived": {"operator": random.choice(OPERATORS), "count": number % 30}},
        {"ordersPlaced": {"operator": random.choice(OPERATORS), "count": number % 9}},
        {"averageOrderValue": {"operator": "AT_LEAST", "amount": f"{number}.00"}},
        {"lastOrderDate": {"operator": "BEFORE", "date": f"2026-0{number % 9 + 1}-01"}},
        {"subscribeDate": {"operator": "ON_OR_AFTER", "date": f"2026-0{number % 9 + 1}-01"}},
        {"location": {"operator": "ANY_OF", "countries": ["US"]}},
        {"spend": {"operator": "AT_LEAST", "amount": f"{number}.00", "within": LAST_MONTH}},
    )


def _new(number: int) -> Rule:
    """Return a criterion that was never evaluated before."""
    products = [f"P{number % 1000:04}", f"P{number * 7 % 1000:04}"]
    return {"productPurchased": {"operator": "ANY_OF", "products": products}}


def _bodies(rule: Rule) -> Iterator[dict[str, Any]]:
    for key, body in rule.items():
        if key in {"all", "any"}:
            for inner in body:
                yield from _bodies(inner)
        elif key == "not":
            yield from _bodies(body)
        else:
            yield body


def warm_up_rules() -> list[Mapping[str, Any]]:
    """Return the rules to evaluate before a session, so that only its new criteria are new."""
    return [*_criteria(random.Random(0))]


def steps(count: int = 200, seed: int = 1) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the kind of each step and the rule after the step."""
    chance = random.Random(seed)
    rule: Rule = {"all": [_criteria(chance)[0]]}
    for number in range(count):
        kinds = ["value"] * 8 + ["operator"] * 3 + ["add"] * 3 + ["remove"] * 3 + ["nest"] + ["new"]
        kind = chance.choice(kinds)
        if kind == "remove" and len(rule["all"]) < 3:
            kind = "add"
        if kind in {"add", "new"} and len(rule["all"]) > 6:
            kind = "remove"
        bodies = [body for body in _bodies(rule) if {"amount", "count"} & body.keys()]
        if kind in {"value", "operator"} and not bodies:
            kind = "add"
        match kind:
            case "value":
                body = chance.choice(bodies)
                if "amount" in body:
                    body["amount"] = f"{chance.randrange(1, 500)}.00"
                else:
                    body["count"] = chance.randrange(0, 30)
            case "operator":
                chance.choice(bodies)["operator"] = chance.choice(OPERATORS[:4])
            case "add":
                rule["all"].append(chance.choice(_criteria(chance)))
            case "remove":
                rule["all"].pop(chance.randrange(len(rule["all"])))
            case "nest":
                inner = rule["all"].pop()
                nested = {"any": [inner, chance.choice(_criteria(chance))]}
                rule["all"].append(chance.choice([nested, {"not": nested}]))
            case "new":
                rule["all"].append(_new(number + 1))
        yield kind, deepcopy(rule)
