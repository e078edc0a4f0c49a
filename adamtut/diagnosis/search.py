"""The search: rules and conventions first, then mistakes, then any single change, then the nearest.

What is simplest comes first, so that a form, a setting or a rounding is never called a mistake.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adamtut.diagnosis import changes, settings
from adamtut.diagnosis.changes import Change
from adamtut.diagnosis.report import CONVENTION, EQUAL, ONE_CHANGE, UNKNOWN, Diagnosis
from adamtut.diagnosis.streams import COLUMNS, ELSEWHERE, GRADIENTS, ORIGIN, RATES, STEPS
from adamtut.diagnosis.traces import (
    Subject,
    is_optimizer_class,
    of_path,
    of_rule,
    of_torch,
    rule_directions,
)
from adamtut.registry import RULES
from adamtut.traits import Range

# Relative to the longest step of a coordinate. torch keeps one number of NAdam in float32, which
# moves its first steps by 2e-8; in single precision 1 - 0.999 alone is 6e-5 off.
TOLERANCE, SINGLE, STRICT = 1e-7, 3e-4, 1e-10
HEAD = 3  # steps after which most of what is tried can be told apart
FITS = 8  # how many of the nearest are fitted
BEGINS = 2  # and of these at most so many from one rule: there are others
FAR = 3.0  # what is off by e³ in the middle is no rule with other settings
IGNORED = "The rate is ignored: a new one changes nothing"
TWICE = "The rate is applied twice"


@dataclass(frozen=True)
class Match:
    """A rule, changed or not, that does what the update does."""

    change: Change
    settings: dict[str, Any]
    apart: float
    l2: float = 0.0
    scale: float = 1.0
    rate: str = ""


class Case:
    """What is to be explained: directions, and what is known of where they come from."""

    def __init__(self, subject: Subject, found: NDArray, tolerance: float, needs_l2: bool):
        self.found, self.tolerance = found, tolerance
        # A change is named only where it agrees better than any two rules that merely look alike.
        self.strict = tolerance if tolerance == SINGLE else STRICT
        self.known = {name: settings.read(about, subject.settings) for name, about in RULES.items()}
        decay = settings.read_l2(subject.settings) if needs_l2 else None
        # Of each rule the numbers that the signature does not tell, and the settings to try.
        self.free: dict[str, tuple[str, ...]] = {}
        self.given: dict[str, list[dict[str, Any]]] = {}
        for name, about in RULES.items():
            known = self.known[name]
            free = [k for k, v in about.defaults.items() if not callable(v) and k not in known]
            whole = about.defaults | known
            if needs_l2:
                whole["l2"] = 0.01 if decay is None else decay
                free += ["l2"] if decay is None else []
            self.free[name], self.given[name] = tuple(free), [whole]
            if "corrected" in free:
                self.given[name].append(whole | {"corrected": not whole["corrected"]})
        # Of the settings that conventions have besides.
        self.extra = {k: v for k, v in subject.settings.items() if k in settings.SHARES and v}

    def given_to(self, change: Change) -> list[dict[str, Any]]:
        """The settings to try of what became of a rule."""
        extra = {k: self.extra.get(k, settings.STARTS[k][0]) for k in change.extra}
        return [given | extra for given in self.given[change.rule]]

    def free_of(self, change: Change) -> tuple[str, ...]:
        """The settings that nobody gives."""
        return *self.free[change.rule], *(k for k in change.extra if k not in self.extra)


def diagnose(update: Callable, **given: Any) -> Diagnosis:
    """Say which rule an update is, or which single change of a rule.

    The update is tried on forty steps of twenty streams of gradients: steady, alternating, tiny,
    late, heavy-tailed. It is compared with every rule, with the conventions of PyTorch, optax and
    Keras, with the classic mistakes, and with every single change of a rule's text. The settings
    are read from its signature; those that it does not give are fitted, within their ranges.
    Where several rules do the same, as Adam without its first memory and NAdam, it is the plainest.

    Parameters
    ----------
    update
        A function with the signature of our rules, ``update(g, t, *state, **settings)`` that
        returns ``(d, *state)``: states with a start value, settings behind ``*``. With a keyword
        `x` it is given the parameter; with a keyword `lr` it is given the rate, and what it returns
        is taken to be the whole move. Or a class of `torch.optim`'s kind. For any other optimizer
        there is `diagnose_path`.
    **given
        Settings that differ from the defaults of `update`.

    Returns
    -------
    Diagnosis
        Printed, it says what was found.

    Notes
    -----
    Two changes at once are "unknown". The first such call takes some ten seconds.

    Examples
    --------
    >>> def mine(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    ...     m = betas[0] * m + (1 - betas[0]) * g
    ...     v = betas[1] * v + (1 - betas[1]) * g * g
    ...     m_hat = m / (1 - betas[0] ** t)
    ...     return m_hat / (v**0.5 + eps), m, v
    >>> print(diagnose(mine))  # doctest: +ELLIPSIS
    It is adam(betas=(0.9, 0.999), eps=1e-08) with one change, to ... digits:
      v is not corrected.
      - v_hat = v / (1 - beta2 ** t)
      + v_hat = v
    From the unchanged rule it departs at step 1, in coordinate 0, steady gradients:
      its direction is 31.6228, the rule's 1, a factor of 31.6228.
    """
    if is_optimizer_class(update):
        return search(of_torch(update, given))  # type: ignore[arg-type]
    if not callable(update):
        raise TypeError(
            f"expected a rule or a class of torch.optim's kind, got {update!r:.60}; what else "
            "makes a path is for diagnose_path"
        )
    return search(of_rule(update, given))


def diagnose_path(run: Callable, **given: Any) -> Diagnosis:
    """As `diagnose`, for any optimizer of any library, behind a function that makes its path.

    Parameters
    ----------
    run
        ``run(start, gradients, rates)`` returns the path: the start, then the point after each
        gradient, with that step's rate. It is called more than once, and begins anew each time.
    **given
        The settings that it uses, under our names or the library's. What is not given is fitted.

    Examples
    --------
    >>> def plain(start, gradients, rates):
    ...     return start - np.cumsum([0 * start, *(rates[:, None] * gradients)], axis=0)
    >>> found = diagnose_path(plain)
    >>> found.verdict, found.rule
    ('equal', 'gd')
    """
    return search(of_path(run, given))


def search(subject: Subject) -> Diagnosis:
    """The diagnosis of a subject."""
    found, single = subject.trace(ORIGIN)
    tolerance = SINGLE if single else TOLERANCE
    decay, remark, found, sees_x = _without_decay(subject, found, tolerance)
    case = Case(subject, found, tolerance, needs_l2=sees_x)
    nearest = sorted(changes.rules(), key=lambda rule: _distance(case, rule))
    whole = [*changes.rules(), *changes.conventions()]
    match = (
        _best(case, _as_given(case, whole))
        or _best(case, _scaled(case, whole))
        or _best(case, _fitted(case, changes.rules()))
        or _best(case, _fitted(case, changes.conventions()))
        or _best(case, _changed(case, changes.mistakes, changes.rules()))
        or _best(
            case, _fitted(case, [m for rule in nearest[:4] for m in changes.mistakes(rule.rule)])
        )
        or _first_single_change(case, nearest)
        or _best(case, _fitted(case, changes.rules(), all_free=True))
        or _best(case, _fitted(case, changes.conventions(), all_free=True))
        or _best(Case(subject, found, SINGLE, sees_x), _as_given(case, whole))
    )
    remarks = [remark] if remark else []
    if match is None and subject.states and _is_no_number(found):
        match = _best(case, _by_states(case, subject.states()))
        remarks += (
            ["Hardly one of its directions is a number; its states tell what it is"]
            if match
            else []
        )
    return _report(case, match, nearest[0], decay, remarks)


def _first_single_change(case: Case, nearest: list[Change]) -> Match | None:
    """The first rule, from the nearest on, of which a single change is the update."""
    for rule in nearest:
        if match := _best(case, _changed(case, changes.single_changes, [rule])):
            return match
    return None


def _best(case: Case, matches: Iterable[Match]) -> Match | None:
    """The nearest of those that agree; the first of those that agree as well as can be told."""
    floor = case.tolerance / 1000
    agreeing = [match for match in matches if match.apart <= case.tolerance]
    return min(agreeing, key=lambda match: max(match.apart, floor), default=None)


def _as_given(case: Case, pool: Iterable[Change]) -> Iterator[Match]:
    for change in pool:
        for given in case.given_to(change):
            expected = _cached(change, tuple(given.items()))
            if expected is not None:
                yield _match(change, given, apart(case.found, expected))


def _changed(
    case: Case, pool_of: Callable[[str], tuple[Change, ...]], rules: Iterable[Change]
) -> Iterator[Match]:
    """What became of rules by changes of one kind: most differ at once, and end there."""
    for rule in rules:
        for given in case.given[rule.rule]:
            key = tuple(given.items())
            pool = pool_of(rule.rule)
            differences = _differences(case.found[:HEAD], _heads(pool_of, rule.rule, key))
            for i in np.flatnonzero(differences.max(axis=(1, 2)) <= case.strict):
                expected = _cached(pool[i], key)
                if expected is not None and (size := apart(case.found, expected)) <= case.strict:
                    yield _match(pool[i], given, size)


def _by_states(case: Case, kept: NDArray) -> Iterator[Match]:
    """The changed rules that keep the same from step to step, and whose directions are NaN too."""
    for name in RULES:
        given = case.given[name][0]
        for change in (*changes.mistakes(name), *changes.single_changes(name)):
            head = _run(change, given, HEAD, of_state=True)
            if head is None or not apart(kept[:HEAD], head) <= case.tolerance:
                continue
            states, expected = _run(change, given, of_state=True), _run(change, given)
            if states is None or expected is None or not _is_no_number(expected):
                continue
            yield _match(change, given, apart(kept, states))


def _is_no_number(found: NDArray) -> bool:
    """Whether hardly a direction is a number; where no gradient has come yet, 0 may be one."""
    return bool(np.isfinite(found).mean() < 0.2)


@functools.lru_cache(maxsize=200)
def _heads(pool_of: Callable[[str], tuple[Change, ...]], rule: str, given: tuple) -> NDArray:
    """The first steps of all changes of one kind; NaN for those that fail."""
    nothing = np.full((HEAD, *ORIGIN.shape), np.nan)
    found = [_run(change, dict(given), HEAD) for change in pool_of(rule)]
    return np.stack([nothing, *(nothing if head is None else head for head in found)])[1:]


def _scaled(case: Case, pool: Iterable[Change]) -> Iterator[Match]:
    """A rule times a number, or with another use of the rate."""
    by_rate = {"": np.ones(len(RATES)), IGNORED: RATES, TWICE: 1 / RATES}
    for change in pool:
        for given in case.given_to(change):
            expected = _cached(change, tuple(given.items()))
            if expected is None:
                continue
            for rate, weights in by_rate.items():
                found = case.found * weights[:, None]
                scale = _ratio(found, expected)
                if scale:
                    match = _match(change, given, apart(found, scale * expected))
                    yield replace(match, scale=scale, rate=rate)


def _ratio(found, expected):
    """The number that one trace is a multiple of the other by, if it is one."""
    with np.errstate(all="ignore"):
        ratios = found / expected
    ratios = ratios[np.isfinite(ratios) & (ratios != 0)]
    if not ratios.size:
        return 0.0
    return float(f"{np.median(ratios):.10g}")


def _fitted(case: Case, pool: Iterable[Change], all_free: bool = False) -> Iterator[Match]:
    """What agrees once the settings are fitted which the signature does not give, or all."""
    begins = []
    for change in pool:
        given = case.given_to(change)[0]
        free = case.free_of(change)
        if all_free and not free:
            free = tuple(k for k, v in given.items() if not callable(v))
        elif all_free:
            continue
        # What is no mistake has more starts, and the same each time, so what they make is kept.
        is_whole = change in changes.rules() or change in changes.conventions()
        own = []
        for begin in settings.starts(given, free, rare=is_whole) if free else []:
            made = _cached(change, tuple(begin.items())) if is_whole else _run(change, begin)
            own.append((_misfit(case.found, made), begin))
        own = sorted((b for b in own if b[0] < FAR), key=lambda begin: begin[0])
        begins += [(misfit, change, begin, free) for misfit, begin in own[:BEGINS]]
    begins.sort(key=lambda begin: begin[0])
    for _, change, begin, free in begins[:FITS]:
        within = {name: settings.range_of(RULES[change.rule], name) for name in free}
        fitted = settings.fit(functools.partial(_run, change), case.found, begin, within)
        if match := _rounded(case, change, fitted, within):
            yield _plainest(case, match, free)
            return


def _rounded(
    case: Case, change: Change, fitted: dict[str, Any], within: dict[str, Range]
) -> Match | None:
    """The fitted settings with as few digits as agree, within their ranges: 0.999 is never 1."""
    for digits in range(1, 16):
        short = settings.rounded(fitted, digits)
        if settings.are_allowed(short, within):
            match = _tried(case, change, short)
            if match.apart <= case.tolerance:
                return match
    return None


def _tried(case: Case, change: Change, given: dict[str, Any]) -> Match:
    """What a change makes with these settings, however far off."""
    expected = _run(change, given)
    return _match(change, given, math.inf if expected is None else apart(case.found, expected))


def _plainest(case: Case, match: Match, free: tuple[str, ...]) -> Match:
    """The rule with the fewest settings that does the same with the numbers that were found.

    A generalisation with its additional number at 0, say, is the plain rule, and betas that nobody
    gave are not swapped. Where a free number does nothing, the default is told.
    """
    # A digit more is no reason for another number, which is fitted to the rounding too.
    floor = max(min(10 * match.apart, case.tolerance), case.tolerance / 1000)
    penalty = {"l2": match.l2} if match.l2 else {}
    found, pool = [match.settings], [match]
    if "betas" in free:
        found.append(match.settings | {"betas": match.settings["betas"][::-1]})
    for numbers, rule in itertools.product(found, changes.rules()):
        about = RULES[rule.rule]
        given = about.defaults | settings.read(about, numbers) | penalty
        pool.append(_tried(case, rule, given))
    best = min((other for other in pool if other.apart <= floor), key=_how_plain)
    defaults = RULES[best.change.rule].defaults
    for name in best.settings:
        for i, number in enumerate(settings.entries(defaults.get(name, ()))):
            if name in free:
                usual = settings.with_entry(best.settings, name, i, number)
                other = _tried(case, best.change, usual | penalty)
                best = other if other.apart <= floor else best
    return best


def _how_plain(match: Match) -> tuple[bool, int, int]:
    """Least for an unchanged rule with few settings, most of them at their defaults."""
    defaults = RULES[match.change.rule].defaults
    count = sum(len(settings.entries(value)) for value in match.settings.values())
    own = sum(defaults.get(name) != value for name, value in match.settings.items())
    return bool(match.change.text), count, own


def _match(change, given, size):
    own = {k: v for k, v in given.items() if k != "l2"}
    return Match(change, own, size, l2=given.get("l2", 0.0))


@functools.lru_cache(maxsize=20_000)
def _cached(change: Change, given: tuple) -> NDArray | None:
    return _run(change, dict(given))


def _run(
    change: Change, given: dict[str, Any], steps: int = STEPS, *, of_state: bool = False
) -> NDArray | None:
    """The directions of a rule or what became of it, or its states; None where it fails."""
    own = {k: v for k, v in given.items() if k != "l2"}
    rate_name = "lr" if change.takes_rate else None
    rows = rule_directions(
        change.function, own, rate_name=rate_name, l2=given.get("l2", 0.0), of_state=of_state
    )
    try:
        with np.errstate(all="ignore"):
            found = [row + ORIGIN for row in itertools.islice(rows, steps)]
            return None if np.iscomplexobj(found) else np.array(found, dtype=float)
    except Exception:  # a mutant may fail in any way
        return None


def apart(found: NDArray, expected: NDArray) -> float:
    """The largest difference, relative to the longest step of its coordinate."""
    return float(np.max(_differences(found, expected)))


def _differences(found, expected):
    with np.errstate(all="ignore"):
        is_finite = np.isfinite(expected)
        longest = np.where(is_finite, np.abs(expected), 0.0).max(axis=-2, keepdims=True)
        difference = np.abs(found - expected) / longest
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        # NaN throughout would agree with many; one whole step tells much.
        same &= is_finite.sum(axis=(-2, -1), keepdims=True) >= expected.shape[-1]
        return np.where(same, 0.0, np.nan_to_num(difference, nan=np.inf))


def _misfit(found, expected):
    """How far two traces are from each other, whatever their size: the median of |log ratio|.

    The mean decides between equals: traces of signs have the same size, and most signs agree.
    """
    if expected is None:
        return math.inf
    with np.errstate(all="ignore"):
        logs = np.abs(np.log(np.abs(found / expected))) + 10 * (found * expected < 0)
    logs = np.nan_to_num(np.minimum(logs, 20.0), nan=20.0)
    logs[(found == expected) | (np.isnan(found) & np.isnan(expected))] = 0.0
    return float(np.median(logs) + np.mean(logs) / 1000)


def _distance(case, rule):
    return min(
        _misfit(case.found, _cached(rule, tuple(given.items()))) for given in case.given[rule.rule]
    )


def _without_decay(subject: Subject, found: NDArray, tolerance: float):
    """λ, a remark and the directions without a decoupled decay; and whether x still matters."""
    if not subject.sees_x:
        return 0.0, "", found, False
    other, _ = subject.trace(ELSEWHERE)
    x, other_x = _positions(ORIGIN, found), _positions(ELSEWHERE, other)
    shift = 1e-7 if tolerance < SINGLE else SINGLE  # λ x stands beside much larger numbers
    if _same(found, other, x, other_x, 0.0, shift):
        return 0.0, "", found, False
    with np.errstate(all="ignore"):
        decay = float(np.median((other[0] - found[0]) / ELSEWHERE))
    if not math.isfinite(decay):
        return 0.0, "", found, True
    decay = float(f"{decay:.{7 if tolerance < SINGLE else 3}g}")
    for rates, words in (
        (np.ones_like(RATES), "the rate times "),
        (RATES[0] / RATES, ""),
    ):
        by_step = decay * rates[:, None]
        if _same(found, other, x, other_x, by_step, shift):
            share = decay if words else float(f"{decay * RATES[0]:.7g}")
            remark = f"Weight decay is decoupled: each step takes {words}{share:g} of x away"
            return share, remark, found - by_step * x, False
    return 0.0, "", found, True


def _positions(start, found):
    """Where each step begins."""
    moves = RATES[:, None] * found
    return start - np.cumsum(moves, axis=0) + moves


def _same(found, other, x, other_x, decay, shift):
    """Whether two traces are one, but for a decay."""
    with np.errstate(all="ignore"):
        a, b = found - decay * x, other - decay * other_x
        size = np.abs(a).max(axis=0) + shift * np.abs(decay * other_x).max(axis=0)
        close = np.abs(a - b) <= shift * size + 1e-13 * np.abs(other_x)
    return bool(np.all(close | (np.isnan(a) & np.isnan(b))))


def _report(case: Case, match: Match | None, nearest: Change, decay: float, remarks: list[str]):
    rule = nearest.rule if match is None else match.change.rule
    given = case.given[rule][0]
    known = {k: v for k, v in given.items() if k != "l2"} if match is None else match.settings
    l2 = match.l2 if match else 0.0
    unchanged = next(change for change in changes.rules() if change.rule == rule)
    own = {k: v for k, v in known.items() if k in RULES[rule].defaults}
    expected = _run(unchanged, own | ({"l2": l2} if l2 else {}))
    assert expected is not None, f"the rule {rule} fails on its own settings {known}"
    said = case.known[rule]
    if match and (other := {k: v for k, v in said.items() if known.get(k, v) != v}):
        told = ", ".join(f"{k}={v}" for k, v in other.items())
        remarks.append(f"Its signature says {told}")
    if match and match.rate:
        remarks.append(match.rate)
    if match and match.scale < 0:
        remarks.append("With a factor below zero it climbs")
    if l2:
        remarks.append(
            f"Weight decay enters the gradient as {l2:g} x: a penalty, not AdamW's decay"
        )
    before, after = match.change.lines() if match else ((), ())
    diagnosis = Diagnosis(
        verdict=_verdict(match),
        rule=rule,
        settings=known,
        digits=min(16.0, -math.log10(max(match.apart, 1e-16))) if match else 0.0,
        change=match.change.text if match else "",
        before=before,
        after=after,
        remarks=tuple(remarks),
        weight_decay=decay,
        l2=l2,
        scale=match.scale if match else 1.0,
        function=match.change.function if match else None,
        gradients=GRADIENTS.copy(),
        directions=case.found,
        expected=expected,
    )
    return diagnosis if diagnosis.verdict == EQUAL else _with_departure(case, diagnosis)


def _verdict(match):
    if match is None:
        return UNKNOWN
    if not match.change.text:
        return EQUAL
    return CONVENTION if match.change in changes.conventions() else ONE_CHANGE


def _with_departure(case: Case, diagnosis: Diagnosis) -> Diagnosis:
    """Where the update first departs from the rule, and by what factor."""
    differences = _differences(case.found, diagnosis.expected)
    steps = np.flatnonzero(differences.max(axis=1) > case.tolerance)
    if not steps.size:
        return diagnosis
    row = int(steps[0])
    # The first of those where it shows well: the streams become harder from left to right.
    column = int(np.argmax(differences[row] >= differences[row].max() / 2))
    with np.errstate(all="ignore"):
        factor = float(case.found[row, column] / diagnosis.expected[row, column])
    return replace(
        diagnosis, step=row + 1, coordinate=column, factor=factor, stream=COLUMNS[column]
    )
