"""What a diagnosis says, for programs and in words."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

EQUAL, CONVENTION, ONE_CHANGE, UNKNOWN = "equal", "convention", "one change", "unknown"


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What `diagnose` found; printed, it says so in a few lines.

    Attributes
    ----------
    verdict
        "equal": it is a rule of `adamtut.rules`. "convention": it is one in the form of another
        library or paper. "one change": a single change turns the rule into it. "unknown": none of
        these; the rule is the nearest.
    rule
        Name of the rule.
    settings
        The rule's hyper-parameters, and those that a convention has besides, read from the
        update's signature or fitted.
    change
        The convention or the change, in words; "" where there is none.
    before, after
        The lines of the rule that the change removes and adds.
    remarks
        What was found besides: weight decay, that it climbs, a rate that is ignored, settings that
        are not those of the signature.
    weight_decay, l2
        Decay λ, decoupled or in the gradient.
    scale
        What the directions are a multiple by; -1 climbs.
    digits
        To how many digits the update and what is said of it agree; 0 for "unknown".
    step, coordinate, factor
        Where the update first departs from the unchanged rule, and the ratio of the two there;
        None for "equal".
    function
        What the update was found to do, as a rule; None for "unknown".
    stream
        What the gradients of that coordinate are.
    gradients, directions, expected
        What was fed in, what the update made of it, and what the rule makes of it; arrays of
        steps by coordinates.
    """

    verdict: str
    rule: str
    settings: dict[str, Any]
    digits: float
    change: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    weight_decay: float = 0.0
    l2: float = 0.0
    scale: float = 1.0
    step: int | None = None
    coordinate: int | None = None
    factor: float | None = None
    function: Callable | None = field(repr=False, default=None)
    stream: str = ""
    gradients: NDArray = field(repr=False, default_factory=lambda: np.empty(0))
    directions: NDArray = field(repr=False, default_factory=lambda: np.empty(0))
    expected: NDArray = field(repr=False, default_factory=lambda: np.empty(0))

    def __str__(self) -> str:
        numbers = {k: v for k, v in self.settings.items() if not callable(v)}
        with_settings = ", ".join(f"{name}={_short(value)}" for name, value in numbers.items())
        rule = f"{self.rule}({with_settings})" if with_settings else self.rule
        if self.scale != 1:
            rule += f" times {_short(self.scale)}"
        lines = {
            EQUAL: [f"It is {rule}, to {self.digits:.0f} digits."],
            CONVENTION: [
                f"It is {rule} in another convention, to {self.digits:.0f} digits:",
                f"  {self.change}.",
            ],
            ONE_CHANGE: [
                f"It is {rule} with one change, to {self.digits:.0f} digits:",
                f"  {self.change}.",
            ],
            UNKNOWN: [f"It is no rule that is known here. Nearest is {rule}."],
        }[self.verdict]
        if self.verdict == ONE_CHANGE:
            lines += [f"  - {line}" for line in self.before]
            lines += [f"  + {line}" for line in self.after]
        lines += [f"{remark}." for remark in self.remarks]
        if self.step is not None:
            lines += [
                f"From the unchanged rule it departs at step {self.step}, in coordinate "
                f"{self.coordinate}, {self.stream}:",
                f"  its direction is {_short(self.directions[self.step - 1, self.coordinate])}, "
                f"the rule's {_short(self.expected[self.step - 1, self.coordinate])}, "
                f"a factor of {_short(self.factor)}.",
            ]
        return "\n".join(lines)


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))})"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
