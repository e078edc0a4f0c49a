"""What a rule says of itself beside its signature: traits are declared, never guessed.

A rule that declares nothing is right everywhere: it is given whole arrays, states that have the
shape of the gradient, and hyper-parameters of the kind of their defaults. What it declares makes it
faster, or stricter::

    @elementwise
    @scalar_states("count")
    @ranges(factor=Range(0, 1))
    def fading(g, t, m=0.0, count=0.0, *, factor=0.9):
        m = factor * m + g
        return m / (count + 1), m, count + 1

Two more declarations are in the signature. The start of a state may be a function of the parameter,
``rows=lambda x: 0 * x.sum(-1)``, and with it the shape; such a rule cannot be called without its
state, `descend` and `optim` call the function. And a rule that needs the parameter itself, as those
with a trust ratio do, has a keyword `x` without a default: ``def lars(g, t, m=0.0, *, x)``.
"""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

Rule = Callable[..., tuple]
R = TypeVar("R", bound=Rule)


class Range(NamedTuple):
    """The numbers from `low` up to `high`, which is excluded, and infinity unless `finite`."""

    low: float = -math.inf
    high: float = math.inf
    finite: bool = True


MEMORY = Range(0, 1)
AT_LEAST_0 = Range(0)


def elementwise(rule: R) -> R:
    """Declare that a rule treats each element by itself.

    An array may then be split, permuted or flattened without a change of any element's step:
    `optim` runs such a rule in parts that fit the cache, and compiles it. Never declare it of a
    rule that sums, sorts or shifts over an array, or looks at its shape.

    >>> from adamtut.rules import adam
    >>> is_elementwise(adam), is_elementwise(lambda g, t: (g / abs(g).max(),))
    (True, False)
    """
    # The rule and not True: `functools.wraps` copies it to a function that may mix elements.
    rule.elementwise = rule  # type: ignore[attr-defined]
    return rule


def is_elementwise(rule: Rule) -> bool:
    """Whether this very function was declared `elementwise`; a wrapper or a partial was not."""
    return getattr(rule, "elementwise", None) is rule


def rests_at_zero(rule: R) -> R:
    """Declare that an element whose gradient is 0 neither moves nor changes its state.

    Of such an `elementwise` rule `optim` takes sparse gradients, and steps the elements that have
    one. An average of gradients does not rest: it fades, and goes on to move its element.

    >>> from adamtut.rules import adagrad, momentum
    >>> is_resting(adagrad), is_resting(momentum)
    (True, False)
    """
    rule.rests_at_zero = rule  # type: ignore[attr-defined]
    return rule


def is_resting(rule: Rule) -> bool:
    """Whether this very function was declared `rests_at_zero`; a wrapper or a partial was not."""
    return getattr(rule, "rests_at_zero", None) is rule


def scalar_states(*names: str) -> Callable[[R], R]:
    """Declare states that are one number whatever the gradient, as NAdam's product.

    >>> scalar_states("produkt")(lambda g, t, product=1.0: (g, product))
    Traceback (most recent call last):
    ValueError: scalar_states: produkt is no state of <lambda>, which has product
    """

    def declare(rule):
        _check_names("scalar_states", "state", names, rule, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        rule.scalar_states = frozenset(names)
        return rule

    return declare


def ranges(**allowed: Range) -> Callable[[R], R]:
    """Declare in which range a hyper-parameter lies; of a tuple, each of its entries.

    >>> ranges(beta=MEMORY)(lambda g, t, *, rho=0.9: (g,))
    Traceback (most recent call last):
    ValueError: ranges: beta is no hyper-parameter of <lambda>, which has rho
    """

    def declare(rule):
        kind = inspect.Parameter.KEYWORD_ONLY
        _check_names("ranges", "hyper-parameter", allowed, rule, kind)
        rule.ranges = allowed
        return rule

    return declare


def declared(rule: Rule, trait: str, nothing: Any) -> Any:
    """The ranges or scalar states that were declared of a rule, or of what it is a partial of."""
    if not hasattr(rule, trait) and isinstance(rule, functools.partial):
        return declared(rule.func, trait, nothing)
    return getattr(rule, trait, nothing)


def _check_names(trait, what, names, rule, kind):
    parameters = list(inspect.signature(rule).parameters.values())[2:]  # after g and t
    known = [p.name for p in parameters if p.kind is kind]
    for name in names:
        if name not in known:
            has = ", ".join(known) or "none"
            raise ValueError(f"{trait}: {name} is no {what} of {_name(rule)}, which has {has}")


def _name(rule):
    return getattr(rule, "__name__", repr(rule))
