"""The audit of decisions in memory, and a shop in which decisions are carried out."""

from dataclasses import dataclass, field
from datetime import timedelta

from stocksync.model.id_range import IdRange
from stocksync.review.decision import Decision, DecisionKind, Result
from stocksync.review.ports import Case
from tests.kit.fakes.shop import PLAN, FakeShop


@dataclass
class FakeDecisionLog:
    """Implements the port DecisionLog; `cases` are the open ones by product: difference, and whether a key is there."""

    decisions: dict = field(default_factory=dict)
    products: dict = field(default_factory=dict)
    became: dict = field(default_factory=dict)
    cases: dict = field(default_factory=dict)

    def record(self, decision, seen):
        if decision.decision_id not in self.decisions:
            self.decisions[decision.decision_id], self.products[decision.decision_id] = decision, dict(seen)

    def find(self, decision_id):
        return self.decisions.get(decision_id)

    def asked(self, decision_id):
        return dict(sorted(self.products[decision_id].items()))

    def note(self, decision_id, outcomes, at):
        for outcome in outcomes:
            self.became.setdefault(decision_id, {}).setdefault(outcome.product_id, outcome)

    def outcomes(self, decision_id):
        return dict(self.became.get(decision_id, {}))

    def undone(self, decision_id):
        return {
            product_id
            for name, decision in self.decisions.items()
            if decision.undoes == decision_id
            for product_id, outcome in self.became.get(name, {}).items()
            if outcome.result is Result.UNDONE
        }

    def open_cases(self, product_ids):
        return {i: Case(i, self.cases[i][0]) for i in product_ids if i in self.cases}

    def cases_without_key(self, most):
        return [Case(i, size) for i, (size, has_key) in sorted(self.cases.items()) if not has_key][:most]


class DecidingShop(FakeShop):
    """A shop whose differences people decide about."""

    def __init__(self, products, **how):
        super().__init__(products, **how)
        self.log = FakeDecisionLog()
        self.plan = PLAN

    def decide(self, kind, name="manual__decision", *, by="kim", seen=None, **how):
        """Note a decision as it is made now."""
        decision = Decision(name, DecisionKind(kind), by, self.clock.now(), "counted by hand", **how)
        self.log.record(decision, seen)
        return decision

    def carry_out(self, decision, *, reached=lambda _step: None):
        """Do what one mapped task does; return what became of each product."""
        self.plan = self.planned(decision)
        parts = self.parts()
        piece = IdRange(0, 1, ids=tuple(self.log.asked(decision.decision_id)))
        engine = parts.decision_engine(self.plan, self.journal, reached)
        outcomes = parts.reviewer(self.log).apply(decision, piece, engine)
        return {outcome.product_id: outcome.result.value for outcome in outcomes}

    @staticmethod
    def planned(decision):
        return PLAN.from_dict(
            PLAN.to_dict()
            | {
                "run_id": decision.decision_id,
                "started_at": decision.decided_at.isoformat(),
                "stop_at": (decision.decided_at + timedelta(minutes=30)).isoformat(),
            }
        )

    def restore(self, seen, name="manual__decision", **how):
        """Decide to restore, and do it."""
        return self.carry_out(self.decide("restore", name, seen=seen), **how)

    def undo(self, undoes, products, name="manual__undo", **how):
        """Decide to undo, and do it."""
        self.done(self.log.find(undoes))
        return self.carry_out(self.decide("undo", name, seen=dict.fromkeys(products), undoes=undoes), **how)

    def done(self, decision):
        """The decision's run gives its lock back; the next one begins without a journal."""
        self.parts().lock(self.planned(decision)).release()
        self.journal.text = None
