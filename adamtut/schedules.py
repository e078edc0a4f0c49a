"""Rates and decays that change with the step t = 1, 2, …

Each schedule is one formula of `t` and its settings. Called with the settings it returns a
`Schedule`, a function of `t`, which may be multiplied by a number or by another schedule::

    lr = 0.1 * sgdr(period=50, mult=2)
    lr(1)                             # 0.1
    lr(np.arange(1, 1001))            # for a plot

`descend` takes it as its `lr`, PowerSign and AddSign as their decay, torch's `LambdaLR` through
`lr_lambda`. `t` is a Python number, or an array of NumPy, torch or JAX.

All are factors with start or peak 1, except `constant` and `noam`, which are rates. The value at
`t` is meant for step `t`: it is what torch's scheduler of the same kind sets after t - 1 calls of
its `step`. Before t = 1 a schedule has its first value; what it does after its last step
is said with each. Counts of steps are whole numbers below 2**31.

Settings outside their range raise a ValueError, and unknown or missing ones a TypeError, when the
schedule is built. To add a schedule of your own, put `schedule` above its formula.
"""

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from numbers import Integral, Real
from typing import Any

from adamtut.ops import cos, floor, maximum, minimum, where


@dataclass(frozen=True, repr=False)
class Schedule:
    """A function of the step: a formula of this module and its settings.

    Equal formulas with equal settings are equal. The repr is the text that builds it.

    >>> 0.5 * cosine(steps=100)
    0.5 * cosine(steps=100)
    """

    build: Any  # the function that `schedule` made of the formula: unlike it, it can be pickled
    settings: tuple[tuple[str, Any], ...]

    __array_ufunc__ = None  # or a NumPy number times a schedule would ask NumPy for the product

    def __call__(self, t):
        """The value at step `t`; for an array of steps, an array of values."""
        return self.build.__wrapped__(maximum(1, t), **dict(self.settings))

    def __mul__(self, other):
        return product(self, other)

    def __rmul__(self, other):
        return product(other, self)

    def __repr__(self):
        settings = dict(self.settings)
        if self.build is product:
            first, second = settings["first"], settings["second"]
            left = first(1) if first.build is constant else first
            right = f"({second})" if second.build is product else second
            return f"{left} * {right}"
        defaults = {name: p.default for name, p in inspect.signature(self.build).parameters.items()}
        changed = [f"{name}={x!r}" for name, x in settings.items() if x != defaults[name]]
        return f"{self.build.__name__}({', '.join(changed)})"


def schedule(formula: Callable[..., Any]) -> Callable[..., Schedule]:
    """Turn a formula of `t` and settings into the function that builds its schedule.

    >>> @schedule
    ... def inverse_time(t, *, rate=0.5):
    ...     return 1 / (1 + rate * (t - 1))
    >>> inverse_time(rate=1.0)(4)
    0.25
    """
    _, *settings = inspect.signature(formula).parameters.values()
    signature = inspect.Signature(settings)

    @functools.wraps(formula)
    def build(*args, **kwargs):
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{formula.__name__}{signature}: {error}") from None
        bound.apply_defaults()
        return Schedule(build, tuple((n, _checked(n, x)) for n, x in bound.arguments.items()))

    vars(build)["__signature__"] = signature
    return build


_count = (lambda n: 1 <= n < 2**31 and n % 1 == 0), "a whole number from 1 to 2**31 - 1"
_share = (lambda a: 0 <= a <= 1), "a number from 0 to 1"
_above_0 = (lambda a: 0 < a < math.inf), "a finite number above 0"
_rate = (lambda a: 0 <= a < math.inf), "a finite number of 0 or more"

# Setting → is it in range? And the range in words. Other names are the formula's own business.
_RANGES = {
    "steps": _count,
    "period": _count,
    "every": _count,
    "warmup": _count,
    "d_model": _count,
    "final": _share,
    "low": _share,
    "factor": _above_0,
    "cycles": _above_0,
    "mult": ((lambda a: 1 <= a <= 2**31), "a number from 1 to 2**31"),
    "value": _rate,
    "first": (_rate[0], "a schedule, or a finite number of 0 or more"),
    "second": (_rate[0], "a schedule, or a finite number of 0 or more"),
}


def _checked(name, value):
    """A setting as a Python number or a schedule, if it is in range."""
    if name not in _RANGES or (name in ("first", "second") and isinstance(value, Schedule)):
        return value
    in_range, expected = _RANGES[name]
    if not isinstance(value, Real) or isinstance(value, bool) or not in_range(value):
        raise ValueError(f"{name} must be {expected}, got {value!r}")
    value = int(value) if isinstance(value, Integral) else float(value)
    return constant(value) if name in ("first", "second") else value


@schedule
def constant(t, value):
    """The same value at every step; torch has it as `ConstantLR` with ``factor=value``.

    >>> constant(0.1)(7)
    0.1
    """
    return value + 0 * t


@schedule
def inverse_sqrt(t):
    """1 / sqrt(t): small enough for regret bounds, large enough to get anywhere.

    >>> inverse_sqrt()(4)
    0.5

    Source: Zinkevich 2003, theorem 1; Kingma & Ba 2015, section 4
    """
    return t**-0.5


@schedule
def step_decay(t, *, every, factor=0.1):
    """Multiplied by `factor` after each `every` steps, as torch's `StepLR`.

    >>> lr = step_decay(every=30, factor=0.5)
    >>> lr(30), lr(31), lr(61)
    (1.0, 0.5, 0.25)

    Source: Goyal et al. 2017, section 5.1, at epochs 30, 60 and 80
    """
    return float(factor) ** ((t - 1) // every)  # powers of integers overflow in arrays


@schedule
def exponential(t, *, factor):
    """Multiplied by `factor` after every step, as torch's `ExponentialLR`.

    With `factor` above 1 it rises, to find the largest rate that works; Python numbers
    overflow with an error then.

    >>> exponential(factor=0.5)(4)
    0.125

    Source: Senior et al. 2013, section 2.1
    """
    return float(factor) ** (t - 1)


@schedule
def linear_warmup(t, *, steps):
    """A straight rise to 1, reached at step `steps` and kept; the first step is 1 / steps.

    torch's ``LinearLR(start_factor=1/steps, total_iters=steps-1)``.

    >>> warm = linear_warmup(steps=4)
    >>> warm(1), warm(4), warm(5)
    (0.25, 1.0, 1.0)

    Source: Goyal et al. 2017, section 2.2, who start from the rate of one worker
    """
    return minimum(1.0, t / steps)


@schedule
def linear_decay(t, *, steps, final=0.0):
    """A straight fall from 1 to `final`, reached after `steps` steps and kept.

    torch's ``LinearLR(start_factor=1, end_factor=final, total_iters=steps)``.

    >>> lr = linear_decay(steps=4)
    >>> lr(1), lr(3), lr(5)
    (1.0, 0.5, 0.0)

    Source: Bello et al. 2017
    """
    progress = minimum(1.0, (t - 1) / steps)
    return final + (1 - final) * (1 - progress)


@schedule
def cosine(t, *, steps, final=0.0):
    """Half a wave from 1 down to `final`, reached after `steps` steps and kept.

    torch's ``CosineAnnealingLR(T_max=steps, eta_min=final*lr)``, which rises again afterwards.

    >>> lr = cosine(steps=4)
    >>> lr(1), lr(3), lr(5)
    (1.0, 0.5, 0.0)

    Source: Loshchilov & Hutter 2017, equation 5
    """
    progress = minimum(1.0, (t - 1) / steps)
    return final + (1 - final) * 0.5 * (1 + cos(pi * progress))


@schedule
def cyclical(t, *, steps, cycles):
    """`cycles` waves from 1 to 0 and back in `steps` steps; it goes on after them.

    >>> f = cyclical(steps=8, cycles=2)
    >>> f(1), f(3), f(5)
    (1.0, 0.0, 1.0)

    Source: Bello et al. 2017
    """
    return 0.5 * (1 + cos(2 * pi * cycles * (t - 1) / steps))


@schedule
def sgdr(t, *, period, mult=1, final=0.0):
    """Cosine with warm restarts: from 1 towards `final`, again and again, without end.

    The first cycle takes `period` steps, each later one `mult` times the steps of the one before.
    A restart falls on a whole step, the one nearest to the sum of the cycles so far. For a `mult`
    that is no whole number, arrays in single precision may have a late restart one step off.
    torch's `CosineAnnealingWarmRestarts`, where `mult` is a whole number.

    >>> lr = sgdr(period=4, mult=2)
    >>> lr(1), lr(3), lr(5), lr(9), lr(13)
    (1.0, 0.5, 1.0, 0.5, 1.0)

    Source: Loshchilov & Hutter 2017, equation 5
    """
    start, end = _cycle(t - 1, period, mult)
    progress = (t - 1 - start) / (end - start)
    return final + (1 - final) * 0.5 * (1 + cos(pi * progress))


def _cycle(s, period, mult):
    """First step of the cycle that holds step `s`, and of the cycle after it; both count from 0.

    A logarithm would give the number of cycles before `s`, but rounded, so wrong at some
    restarts. This goes forward by 2**j cycles at once, for falling j, whenever they fit before
    `s`, as one writes a number in binary. Whole numbers stay exact, and 31 rounds are enough.
    """
    # Steps in the next 2**j cycles, for a first cycle of one step, and their growth in that time.
    leap = 1.0
    leaps = []
    for j in range(31):
        if period * leap < 2**31:
            growth = float(mult) ** 2.0**j
            leaps.append((leap, growth))
            leap = leap + growth * leap

    start, length = 0.0, period + 0.0 * s
    for leap, growth in reversed(leaps):
        restart = start + leap * length
        passed = s >= _nearest(restart)
        start = where(passed, restart, start)
        length = where(passed, growth * length, length)
    return _nearest(start), _nearest(start + length)


def _nearest(x):
    return floor(x + 0.5)


@schedule
def triangular(t, *, period, low=0.0):
    """Straight up from `low` to 1 in half of `period` steps, down in the other half, and so on.

    torch's `CyclicLR` with ``base_lr=low``, ``max_lr=1`` and ``step_size_up=period/2``.

    >>> lr = triangular(period=4, low=0.5)
    >>> lr(1), lr(2), lr(3), lr(4), lr(5)
    (0.5, 0.75, 1.0, 0.75, 0.5)

    Source: Smith 2017, section 3
    """
    progress = (t - 1) % period / period
    return low + (1 - low) * (1 - abs(2 * progress - 1))


@schedule
def noam(t, d_model, warmup):
    """The Transformer's rate: a straight rise for `warmup` steps, then 1 / sqrt(t).

    Its peak, at t = warmup, is 1 / sqrt(d_model * warmup).

    >>> noam(512, 4000)(4000) == 1 / math.sqrt(512 * 4000)
    True

    Source: Vaswani et al. 2017, equation 3
    """
    return d_model**-0.5 * minimum(t**-0.5, t * warmup**-1.5)


@schedule
def product(t, first, second):
    """Two schedules, or a number and a schedule, multiplied: what `*` builds.

    >>> lr = 0.5 * (linear_warmup(steps=16) * inverse_sqrt())
    >>> lr(4)
    0.0625
    """
    return first(t) * second(t)


@schedule
def sequence(t, first, steps, second):
    """`first` for `steps` steps, then `second`, which counts from a t = 1 of its own.

    torch's `SequentialLR` with ``milestones=[steps]``. For three, `second` is a sequence.

    >>> lr = sequence(linear_warmup(steps=3), 3, cosine(steps=10))
    >>> lr(3), lr(4), lr(9)
    (1.0, 1.0, 0.5)
    """
    # Both sides of `where` are evaluated, so `first` is not asked beyond its own steps.
    return where(t <= steps, first(minimum(steps, t)), second(t - steps))


def lr_lambda(lr: Schedule) -> Callable[[int], Any]:
    """What torch's `LambdaLR` takes: it counts from 0, schedules from 1.

    `LambdaLR` multiplies it by the optimizer's own `lr`: 1 where the schedule is itself a rate::

        LambdaLR(optimizer, lr_lambda(cosine(steps=1000)))

    >>> lr_lambda(linear_warmup(steps=4))(0)
    0.25
    """
    if not callable(lr):
        raise TypeError(f"lr must be a schedule, a function of t, got {lr!r}")
    return functools.partial(_from_0, lr)


def _from_0(lr, s):
    return lr(s + 1)
