"""The sentence that names one descriptor and distance, with the figures that support it."""

from cbir.evaluation.report.choice import Choice, choose
from cbir.evaluation.report.model import Comparison, Pair, System
from cbir.evaluation.report.numbers import fraction, probability, roughly, shown


def verdict(comparison: Comparison) -> str:
    """One sentence that names a descriptor and a distance, and why it is that one."""
    choice = choose(comparison)
    judged = ", judged by synthetic edits only," if comparison.synthetic else ""
    name = shown(choice.system.words)
    why = _why(comparison, choice) + _near_chance(comparison, choice.best)
    return f"For these pictures{judged} take {name}: {why}."


def doubt(comparison: Comparison) -> str:
    """In a few words why the one to take is not simply the best; empty if it is."""
    choice = choose(comparison)
    if _near_chance(comparison, choice.best):
        return "no better than a random order, as far as this tells"
    if choice.reason == "few":
        return "a first guess, as so few queries can't tell any two apart"
    if choice.system is not choice.best:
        return f"can't be told apart from the highest, {shown(choice.best.words)}, and is cheaper"
    if choice.rivals:
        count = len(choice.rivals)
        others = shown(choice.rivals[0].words) if count == 1 else f"{count} others"
        return f"not told apart from {others}"
    return ""


def _why(comparison: Comparison, choice: Choice) -> str:
    system, best = choice.system, choice.best
    queries = f"{comparison.queries:,} " + ("query" if comparison.queries == 1 else "queries")
    reached = f"its map of {fraction(system.quality)}{_interval(system)}"
    if choice.reason == "alone":
        return f"{reached} on {queries} is all there is, as nothing else was compared"
    among = f"the highest of {len(comparison.systems)} on {queries}"
    if choice.reason == "few":
        return f"{reached} is {among}, a first guess, as so few can't tell any two apart"
    if choice.reason == "best":
        return f"{reached} is {among}, {_lead(comparison, best)}"
    alike = f"; {settled}" if (settled := _settle(comparison, choice)) else ""
    if system is best:
        rivals = choice.rivals
        others = shown(rivals[0].words) if len(rivals) == 1 else f"{len(rivals)} others"
        return f"{reached} is {among}, not told apart from {others}, and {_cost(choice)}{alike}"
    highest = f"the highest, {fraction(best.quality)} of {shown(best.words)}"
    pair = comparison.pair(best.name, system.name)
    tests = f"{queries}, {probability(pair.p_holm)} by Holm for all pairs" if pair else queries
    apart = _tested(pair, tests)
    return f"{reached} can't be told apart from {highest}{apart}, and {_cost(choice)}{alike}"


def _lead(comparison: Comparison, best: System) -> str:
    """How far the highest is ahead of the next one."""
    second = comparison.ordered[1]
    pair = comparison.pair(best.name, second.name)
    tested = _tested(pair, probability(pair.p_holm)) if pair else ""
    return f"{fraction(best.quality - second.quality)} above {shown(second.words)}{tested}"


def _tested(pair: Pair | None, more: str) -> str:
    """In brackets the interval of a difference, where there is any difference."""
    if pair is None or not (pair.low or pair.high):
        return f" ({more})"
    low, high = (fraction(end).replace("-", "−") for end in (pair.low, pair.high))
    return f" (95% interval of the difference {low} to {high}, {more})"


def _cost(choice: Choice) -> str:
    """What cost has to do with it."""
    if choice.reason == "unknown":
        return "no cost was measured that would decide between them"
    if choice.saving is None:
        return "none of them is clearly cheaper"
    cost, other = choice.saving
    than = cost.words(choice.system, other)
    if other is not choice.best:
        than += f" of {shown(other.words)}"
    return f"it is the cheapest of these {1 + len(choice.rivals)}, {than}"


def _settle(comparison: Comparison, choice: Choice) -> str:
    """How many queries would tell the choice apart from the highest, or that from the next."""
    other = choice.rivals[0] if choice.system is choice.best else choice.system
    pair = comparison.pair(choice.best.name, other.name)
    if pair is None or pair.queries_needed is None:
        return ""
    return f"about {roughly(pair.queries_needed)} queries would settle which ranks better"


def _near_chance(comparison: Comparison, best: System) -> str:
    low = best.interval[0] if best.interval else best.quality
    if comparison.chance is None or low > comparison.chance:
        return ""
    chance = fraction(comparison.chance)
    return f"; but a random order reaches {chance}, so that nothing here is shown to work"


def _interval(system: System) -> str:
    if system.interval is None:
        return ""
    low, high = system.interval
    return f" (95% interval {fraction(low)} to {fraction(high)})"
