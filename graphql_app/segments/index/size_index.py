"""The index of all shops: answers rules from vectors, within a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

import numpy as np

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.criteria import Criterion, MeasuredCriterion, Scope
from graphql_app.segments.failures import blaming
from graphql_app.segments.index.cache_key import Asking, Kind, Question, WatchedScope
from graphql_app.segments.index.contact_ids import BYTES_OF_CONTACT, Flags, Universe
from graphql_app.segments.index.fallback import DoubtError
from graphql_app.segments.index.loader import ShopFacts, in_doubt_of
from graphql_app.segments.index.shop_cache import IndexedShop
from graphql_app.segments.index.vectors import Vector, Whole
from graphql_app.segments.predicate import key
from graphql_app.segments.rules.tree import Rule, combine, criteria

R = TypeVar("R")
Leaves: TypeAlias = Mapping[str, Criterion]

MAX_UNKEPT = 10_000


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What some criteria say of every contact of a shop, all at one state of its facts.

    Attributes:
        universe: The contacts.
        answers: Whom each criterion matches, by its key.
        steady: Whether time alone does not change it.
        columns: Values of columns of ``Contact``, by place; ``MISSING`` where there is none.
    """

    universe: Universe
    answers: Mapping[str, Flags]
    steady: bool
    columns: Mapping[str, Whole] = field(default_factory=dict)

    def each(self, rules: Sequence[Rule]) -> Iterator[Flags]:
        """Whom each of some rules, made of these criteria, matches, by place."""
        known: dict[int, Flags] = {}
        for rule in rules:
            yield combine(
                rule, lambda leaf: self.answers[key(leaf)], self._all, _any, np.logical_not, known
            )

    def _all(self, flags: Collection[Flags]) -> Flags:
        found = iter(flags)
        whole = next(found, self.universe.alive)
        for each in found:
            whole = whole & each
        return whole

    def count(self, matching: Flags) -> int:
        """How many contacts match."""
        if not self.universe.everyone:
            matching = matching & self.universe.alive
        return int(np.count_nonzero(matching))

    def count_textable(self, matching: Flags) -> int:
        """How many contacts match and can be texted."""
        return int(np.count_nonzero(matching & self.universe.textable))


def _any(flags: Collection[Flags]) -> Flags:
    first, *others = flags
    for each in others:
        first = first | each
    return first


def _evaluation(
    universe: Universe,
    leaves: Leaves,
    asked: Mapping[str, Question],
    vectors: Mapping[Hashable, Vector],
    scope: Scope,
) -> Evaluation:
    watched = WatchedScope(scope)
    answers = {
        name: _answer(leaves[name], question, vectors[question.key], watched)
        for name, question in asked.items()
    }
    steady = not watched.asked and all(question.steady for question in asked.values())
    return Evaluation(universe, answers, steady)


def _answer(leaf: Criterion, question: Question, vector: Vector, scope: Scope) -> Flags:
    """Whom a criterion matches."""
    criterion, interval = question.criterion, None
    if question.kind is not Kind.CONDITION and isinstance(criterion, MeasuredCriterion):
        with blaming(criterion):
            interval = criterion.interval(scope)
    with in_doubt_of(question):
        matching = vector.mask(interval, question.absent)
    return ~matching if leaf.operator.negated else matching


class SizeIndex:
    """Vectors of the questions that were asked for, the least recently used let go first.

    Args:
        audience: The facts.
        recorder: Who writes them.
        budget: How many bytes to keep.
    """

    def __init__(self, audience: Audience, recorder: Recorder, budget: int) -> None:
        self._audience = audience
        self._recorder = recorder
        self.budget = budget
        self._asking = Asking(audience)
        self._lock = threading.Lock()
        self._shops: dict[int, IndexedShop] = {}
        self._recent: OrderedDict[tuple[int, Hashable], None] = OrderedDict()
        self._bytes: dict[int, int] = {}
        self._unkept: dict[Hashable, None] = {}

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        return self.held[2]

    @property
    def held(self) -> tuple[int, int, int]:
        """Shops and vectors that are kept, and their bytes."""
        with self._lock:
            shops = [*self._shops.values()]
        vectors = sum(len(shop.vectors) for shop in shops)
        return len(shops), vectors, sum(shop.nbytes for shop in shops)

    def evaluate(
        self,
        shop_id: int,
        rules: Collection[Rule],
        scope: Scope,
        columns: Collection[str] = (),
    ) -> Evaluation | None:
        """The answers of all criteria of some rules; ``None`` where the engine is to be asked.

        Args:
            shop_id: The shop.
            rules: The rules.
            scope: The shop at an instant.
            columns: Columns of ``Contact``, of numbers or instants, that are wanted as well.

        Raises:
            AppError: A statement failed, or all of it takes too long.
            CriterionFailedError: A criterion has no SQL, or none that may run.
        """
        facts = ShopFacts.of(self._audience, shop_id, self._recorder.catch_up)
        own = {name: Question.of_contact(name) for name in columns}

        def evaluation(asked: Mapping[str, Question], leaves: Leaves) -> Evaluation:
            questions = {each.key: each for each in (*asked.values(), *own.values())}
            shop = self._shop(shop_id)
            self._refuse_if_too_large(shop, questions, facts)

            def ask(count: int) -> tuple[Universe, Mapping[Hashable, Vector]]:
                universe = shop.renewed(facts, count)
                return universe, shop.answers(questions, universe, facts, count)

            try:
                universe, vectors = self._settled(shop_id, ask)
            finally:  # where one fails, others are kept all the same
                self._used(shop_id, questions)
            values = {
                name: vectors[question.key].values.astype(np.int64, copy=False)
                for name, question in own.items()
            }
            return replace(_evaluation(universe, leaves, asked, vectors, scope), columns=values)

        return self._unless_in_doubt(rules, scope, evaluation)

    def of_contacts(
        self, shop_id: int, rules: Collection[Rule], scope: Scope, contacts: Collection[int]
    ) -> Evaluation | None:
        """As ``evaluate``, for a few contacts: what is not in memory is asked for them alone.

        Raises:
            AppError, CriterionFailedError: As for ``evaluate``.
        """
        facts = ShopFacts.of(self._audience, shop_id, self._recorder.catch_up)
        few = np.unique(np.array([*contacts], np.uint64))

        def evaluation(asked: Mapping[str, Question], leaves: Leaves) -> Evaluation:
            questions = {question.key: question for question in asked.values()}
            shop = self._shop(shop_id)
            kept = {key: each for key, each in questions.items() if key in shop.vectors}
            others = [each for key, each in questions.items() if key not in kept]

            def ask(count: int) -> tuple[Universe, Mapping[Hashable, Vector]]:
                if not kept:
                    universe = Universe.of(*facts.universe(few), layout=0)
                    return universe, dict(facts.load(others, universe, count, few))
                whole = shop.renewed(facts, count)
                found = shop.answers(kept, whole, facts, count)
                universe = whole.only(few)
                places = whole.find(universe.ids)
                vectors = {key: vector.only(places) for key, vector in found.items()}
                return universe, vectors | dict(facts.load(others, universe, count, few))

            try:
                universe, vectors = self._settled(shop_id, ask)
            finally:
                self._used(shop_id, kept)
            return _evaluation(universe, leaves, asked, vectors, scope)

        return self._unless_in_doubt(rules, scope, evaluation)

    def _settled(self, shop_id: int, ask: Callable[[int], R]) -> R:
        """What is found after so many writes of the shop, with nothing of a later one in it.

        What is written meanwhile may be in one vector and not in another. Then those whom it
        touched are asked again, while nothing is written.
        """
        self._recorder.catch_up_if_stale()
        write_log = self._recorder.write_log
        count = write_log.count_writes(shop_id)
        found = ask(count)
        if write_log.is_unchanged_since(shop_id, count):
            return found
        with self._recorder.quiesce(shop_id):
            return ask(write_log.count_writes(shop_id))

    def _unless_in_doubt(
        self,
        rules: Collection[Rule],
        scope: Scope,
        evaluation: Callable[[Mapping[str, Question], Leaves], Evaluation],
    ) -> Evaluation | None:
        """An evaluation; where the values of a question cannot be kept, its condition is asked."""
        leaves = {key(leaf): leaf for rule in rules for leaf in criteria(rule)}
        while True:
            try:
                asked = {name: self._question(leaf, scope) for name, leaf in leaves.items()}
                return evaluation(asked, leaves)
            except DoubtError as doubt:
                if doubt.key is None or doubt.key in self._unkept:
                    return None
                if len(self._unkept) >= MAX_UNKEPT:
                    self._unkept.clear()
                self._unkept[doubt.key] = None

    def _question(self, leaf: Criterion, scope: Scope) -> Question:
        if type(leaf).fragment is not Criterion.fragment:
            raise DoubtError(f"{leaf.key} makes its fragment in a way of its own")
        if leaf.operator.negated:
            leaf = leaf.model_copy(update={"operator": leaf.operator.positive})
        if isinstance(leaf, MeasuredCriterion) and (
            type(leaf).matches is MeasuredCriterion.matches
        ):
            question = self._asking.question(leaf, scope, measured=True)
            if question.key not in self._unkept:
                return question
        return self._asking.question(leaf, scope, measured=False)

    def _shop(self, shop_id: int) -> IndexedShop:
        with self._lock:
            if shop_id not in self._shops:
                self._shops[shop_id] = IndexedShop(shop_id, self._recorder.write_log)
            return self._shops[shop_id]

    def _refuse_if_too_large(
        self, shop: IndexedShop, questions: Mapping[Hashable, Question], facts: ShopFacts
    ) -> None:
        universe = shop.universe
        contacts = facts.contacts() if universe is None else len(universe)
        width = sum(1 if q.kind is Kind.CONDITION else 8 for q in questions.values())
        if contacts * (BYTES_OF_CONTACT + width) > self.budget:
            raise DoubtError("there is not enough room for so many contacts and criteria")

    def _used(self, shop_id: int, questions: Collection[Hashable]) -> None:
        """Note what was used, and let go what was not for longest, if there is too much."""
        with self._lock:
            shop = self._shops.get(shop_id)
            if shop is None:
                return
            kept = [name for name in questions if name in shop.vectors]
            for name in (*kept, None):  # the universe last: it goes after its vectors
                self._recent[shop_id, name] = None
                self._recent.move_to_end((shop_id, name))
            self._bytes[shop_id] = shop.nbytes
            while sum(self._bytes.values()) > self.budget and self._recent:
                (owner, name), _ = self._recent.popitem(last=False)
                if owner not in self._shops:
                    continue
                if name is None:
                    del self._shops[owner], self._bytes[owner]
                else:
                    self._shops[owner].vectors.pop(name, None)
                    self._bytes[owner] = self._shops[owner].nbytes
