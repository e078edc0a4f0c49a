"""What a rule may have become: another convention, a classic mistake, or any single change.

Conventions and mistakes are edits of a rule's own text, so that each can be shown as the line that
it changes, and none repeats a formula. An edit belongs to every rule in which its text occurs.
"""

import ast
import difflib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from adamtut.diagnosis.mutants import bare_tree, changed_trees, compiled
from adamtut.registry import RULES, describe


@dataclass(frozen=True, eq=False)
class Change:
    """A rule's function after one change.

    Attributes
    ----------
    rule
        Name of the rule.
    text
        The change in words; "" is the rule itself.
    source
        What the rule's text became.
    function
        What the rule became.
    takes_rate
        Whether it has a keyword `lr` and returns the whole move.
    extra
        Settings that the rule does not have.
    """

    rule: str
    text: str
    source: str
    function: Callable
    takes_rate: bool = False
    extra: tuple[str, ...] = ()

    def lines(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The lines of the rule that are gone, and those that came."""
        compared = list(difflib.ndiff(_source(self.rule).splitlines(), self.source.splitlines()))
        removed = tuple(line[2:].strip() for line in compared if line.startswith("- "))
        added = tuple(line[2:].strip() for line in compared if line.startswith("+ "))
        return removed, added


# In words → (the text of a rule, what it becomes), …; all of them must occur.
Edits = dict[str, list[tuple[str, str]]]

CORRECTION_OF_M = "m / (1 - beta1 ** t)"
CORRECTION_OF_V = "v / (1 - beta2 ** t)"

# RMSProp with a second state.
OF_V = "g / (sqrt(v) + eps)"
AVERAGE_OF_V = "v = beta * v + (1 - beta) * g ** 2"
MEAN_GRADIENT = [
    ("v=0.0, *", "v=0.0, g_mean=0.0, *"),
    (AVERAGE_OF_V, f"{AVERAGE_OF_V}\n    g_mean = beta * g_mean + (1 - beta) * g"),
]

# What a rule's makers and libraries do otherwise than ours; none of them is a mistake.
CONVENTIONS: dict[str, Edits] = {
    "momentum": {
        "the first gradient enters whole and the others less, as with PyTorch's dampening": [
            ("m = beta * m + g", "m = g if t == 1 else beta * m + (1 - dampening) * g"),
            ("*, beta", "*, dampening, beta"),
        ],
        "the rate is inside the velocity, as in Keras: a new rate spares old gradients": [
            ("m = beta * m + g", "m = beta * m + lr * g"),
            ("*, beta", "*, lr, beta"),
        ],
    },
    "ema_momentum": {
        "the first gradient enters whole, as with PyTorch's dampening": [
            ("m = beta * m", "m = g if t == 1 else beta * m")
        ],
    },
    "nesterov": {
        "the rate is inside the velocity, as in Keras: a new rate spares old gradients": [
            ("m = beta * m + g", "m = beta * m + lr * g"),
            ("(g + beta * m, m)", "(lr * g + beta * m, m)"),
            ("*, beta", "*, lr, beta"),
        ],
    },
    "adagrad": {
        "eps is inside the root, as in optax and Keras": [("(sqrt(s) + eps)", "sqrt(s + eps)")],
        "the sum starts at 0.1, as optax and Keras have it": [("s=0.0, *", "s=0.1, *")],
        "eps is inside the root and the sum starts at 0.1, as in optax and Keras": [
            ("(sqrt(s) + eps)", "sqrt(s + eps)"),
            ("s=0.0, *", "s=0.1, *"),
        ],
    },
    "rmsprop": {
        "eps is inside the root, as in Keras and by default in optax": [
            ("(sqrt(v) + eps)", "sqrt(v + eps)")
        ],
        "the square of the mean gradient is taken off v, as PyTorch's centered has it": [
            *MEAN_GRADIENT,
            ("(sqrt(v) + eps), v", "(sqrt(v - g_mean ** 2) + eps), v, g_mean"),
        ],
        "the square of the mean gradient is taken off v, and eps is inside the root, as centered "
        "has it in Keras and optax": [
            *MEAN_GRADIENT,
            ("(sqrt(v) + eps), v", "sqrt(v - g_mean ** 2 + eps), v, g_mean"),
        ],
        "momentum adds up the divided gradients, as PyTorch has it": [
            ("v=0.0, *, beta", "v=0.0, m=0.0, *, momentum, beta"),
            ("return (g / (sqrt(v) + eps), v)", f"m = momentum * m + {OF_V}\n    return (m, v, m)"),
        ],
        "momentum adds up whole steps, the rate inside, and eps is in the root, as in Keras and "
        "optax": [
            ("v=0.0, *, beta", "v=0.0, m=0.0, *, lr, momentum, beta"),
            (
                "return (g / (sqrt(v) + eps), v)",
                "m = momentum * m + lr * g / sqrt(v + eps)\n    return (m, v, m)",
            ),
        ],
    },
    "adam": {
        "eps is added to the root of the uncorrected v, as in Keras": [
            ("(sqrt(v_hat) + eps)", "(sqrt(v_hat) + eps / sqrt(1 - beta2 ** t))")
        ],
    },
    "adamax": {
        "eps is added to the maximum, as in Keras": [
            ("abs(g) + eps", "abs(g)"),
            ("/ u,", "/ (u + eps),"),
        ],
    },
    "yogi": {
        "m and v start at 1e-6 and are corrected, as in optax": [
            ("m=0.0", "m=1e-06"),
            (" if corrected else m", ""),
            (" if corrected else v", ""),
        ],
    },
    "amsgrad": {
        "eps is added to the root of the uncorrected maximum, as in Keras": [
            ("(sqrt(v_hat) + eps)", "(sqrt(v_hat) + eps / sqrt(1 - beta2 ** t))")
        ],
        "the maximum is taken of the corrected v, as in optax": [
            ("maximum(v_max, v)", "maximum(v_max, v / (1 - beta2 ** t))"),
            ("v_max / (1 - beta2 ** t)", "v_max"),
        ],
    },
    "radam": {
        "eps is added to the root of the corrected v, as in optax": [
            ("(sqrt(v) + eps)", "(sqrt(v) + eps * sqrt(1 - beta2 ** t))")
        ],
        "Adam begins at rho > 4, as in the paper": [
            ("rho > 5", "rho > 4"),
            ("maximum(5.0, rho)", "maximum(4.0, rho)"),
        ],
    },
}

UNPACK = "beta1, beta2 = betas"
MISTAKES: Edits = {
    "m is not corrected": [(CORRECTION_OF_M, "m")],
    "v is not corrected": [(CORRECTION_OF_V, "v")],
    "neither m nor v is corrected": [(CORRECTION_OF_M, "m"), (CORRECTION_OF_V, "v")],
    "t stays at 1": [(UNPACK, f"{UNPACK}\n    t = 1")],
    "t counts from 0": [(UNPACK, f"{UNPACK}\n    t = t - 1")],
    "t counts from 2": [(UNPACK, f"{UNPACK}\n    t = t + 1")],
    "powers of the correction became products": [
        (CORRECTION_OF_M, "m / (1 - beta1 * t)"),
        (CORRECTION_OF_V, "v / (1 - beta2 * t)"),
    ],
    "the corrections lack the power": [
        (CORRECTION_OF_M, "m / (1 - beta1)"),
        (CORRECTION_OF_V, "v / (1 - beta2)"),
    ],
    "the two betas are swapped": [(UNPACK, "beta2, beta1 = betas")],
    "both corrections use beta1": [(CORRECTION_OF_V, "v / (1 - beta1 ** t)")],
    "both corrections use beta2": [(CORRECTION_OF_M, "m / (1 - beta2 ** t)")],
    "the corrected m is kept as the state": [
        (CORRECTION_OF_M, CORRECTION_OF_M + "\n    m = m_hat")
    ],
    "the corrected v is kept as the state": [
        (CORRECTION_OF_V, CORRECTION_OF_V + "\n    v = v_hat")
    ],
    "the corrected m and v are kept as the state": [
        (CORRECTION_OF_M, CORRECTION_OF_M + "\n    m = m_hat"),
        (CORRECTION_OF_V, CORRECTION_OF_V + "\n    v = v_hat"),
    ],
    "the correction of v stands outside the root": [
        (CORRECTION_OF_V, "v"),
        ("(sqrt(v_hat) + eps)", "(sqrt(v_hat) / (1 - beta2 ** t) + eps)"),
    ],
    "the root is missing": [("sqrt(v_hat)", "v_hat")],
    "the root is missing, of v": [("sqrt(v)", "v")],
    "the root is missing, of s": [("(sqrt(s) + eps)", "(s + eps)")],
    "eps is inside the root": [("sqrt(v_hat) + eps", "sqrt(v_hat + eps)")],
    "eps is inside the root, of v": [("sqrt(v) + eps", "sqrt(v + eps)")],
    "eps is added inside and outside the root": [("sqrt(v_hat) + eps", "sqrt(v_hat + eps) + eps")],
    "eps stands outside the quotient, and moves x": [
        ("m_hat / (sqrt(v_hat) + eps)", "m_hat / sqrt(v_hat) + eps")
    ],
    "eps stands outside the quotient, against x": [
        ("m_hat / (sqrt(v_hat) + eps)", "m_hat / sqrt(v_hat) - eps")
    ],
    "eps is missing": [("sqrt(v_hat) + eps", "sqrt(v_hat)")],
    "eps is missing, under g": [("(sqrt(v) + eps)", "sqrt(v)")],
    "eps is missing, under the sum": [("(sqrt(s) + eps)", "sqrt(s)")],
    "|g| stands in the place of g²": [("g ** 2", "abs(g)")],
    "g stands in the place of g²": [("g ** 2", "g")],
    "the square of m stands in the place of g²": [("g ** 2", "m ** 2")],
    "v is an average of (g - m)², as in AdaBelief without its eps": [("g ** 2", "(g - m) ** 2")],
    "the step takes g in the place of m": [(CORRECTION_OF_M, "g")],
    "m lacks the weight 1 - beta1": [("(1 - beta1) * g\n", "g\n")],
    "m lacks the weight 1 - beta": [("(1 - beta) * g\n", "g\n")],
    "v lacks the weight 1 - beta2": [("(1 - beta2) * g ** 2", "g ** 2")],
    "v lacks the weight 1 - beta": [("(1 - beta) * g ** 2", "g ** 2")],
    "the weights of m are exchanged": [
        ("m = beta1 * m + (1 - beta1) * g\n", "m = (1 - beta1) * m + beta1 * g\n")
    ],
    "the weights of v are exchanged": [
        ("v = beta2 * v + (1 - beta2) * g ** 2", "v = (1 - beta2) * v + beta2 * g ** 2")
    ],
    "the weights of both averages are exchanged": [
        ("m = beta1 * m + (1 - beta1) * g\n", "m = (1 - beta1) * m + beta1 * g\n"),
        ("v = beta2 * v + (1 - beta2) * g ** 2", "v = (1 - beta2) * v + beta2 * g ** 2"),
    ],
    "the new gradient enters m after the step": [
        (CORRECTION_OF_M, "m_before / (1 - beta1 ** t)"),
        (UNPACK, f"{UNPACK}\n    m_before = m"),
    ],
    "the new gradient enters v after the step": [
        (CORRECTION_OF_V, "v_before / (1 - beta2 ** t)"),
        (UNPACK, f"{UNPACK}\n    v_before = v"),
    ],
    "m begins anew at each step": [("m = beta1 * m", "m = beta1 * 0.0 * m")],
    "v begins anew at each step": [("v = beta2 * v", "v = beta2 * 0.0 * v")],
    "m and v begin anew at each step": [
        ("m = beta1 * m", "m = beta1 * 0.0 * m"),
        ("v = beta2 * v", "v = beta2 * 0.0 * v"),
    ],
}


@functools.cache
def rules() -> tuple[Change, ...]:
    """Every rule, unchanged."""
    return tuple(Change(name, "", _source(name), about.function) for name, about in RULES.items())


@functools.cache
def conventions() -> tuple[Change, ...]:
    """What libraries and papers do in the place of our rules."""
    return tuple(edited for name, edits in CONVENTIONS.items() for edited in _edited(name, edits))


@functools.cache
def mistakes(rule: str) -> tuple[Change, ...]:
    """The classic mistakes that can be made in one rule."""
    return tuple(_edited(rule, MISTAKES))


@functools.cache
def single_changes(rule: str) -> tuple[Change, ...]:
    """Every small change of one rule's syntax tree; those that do not compile aside."""
    function = RULES[rule].function
    found = []
    for _, changed in changed_trees(ast.parse(_source(rule))):
        try:
            mutant = compiled(changed, function)
        except Exception:  # a default that cannot be evaluated is noticed on import
            continue
        found.append(Change(rule, "one line is changed", ast.unparse(changed), mutant))
    return tuple(found)


def _edited(rule: str, edits: Edits) -> Iterator[Change]:
    original = _source(rule)
    for words, replacements in edits.items():
        if not all(old in original for old, _ in replacements):
            continue
        text = original
        for old, new in replacements:
            text = text.replace(old, new)
        edited = compiled(ast.parse(text), RULES[rule].function)
        own = RULES[rule].defaults
        extra = tuple(name for name in describe(edited).defaults if name not in {*own, "lr"})
        yield Change(rule, words, text, edited, takes_rate="*, lr" in text, extra=extra)


@functools.cache
def _source(rule: str) -> str:
    """The text of a rule without its docstring."""
    tree = bare_tree(RULES[rule].function)
    (definition,) = tree.body
    assert isinstance(definition, ast.FunctionDef)
    if ast.get_docstring(definition) is not None:
        del definition.body[0]
    return ast.unparse(tree) + "\n"
