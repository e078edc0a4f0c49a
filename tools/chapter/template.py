"""A new chapter: small, complete, and plainly a placeholder.

It has every part that a chapter has, in the order in which a reader meets them, and each text says
what belongs in its place. NUMBER, TITLE and SLUG are filled in by `cells`.
"""

import nbformat


def cells(number: str, title: str, slug: str) -> list:
    """The cells of a chapter that has not been executed; `slug` is for labels."""
    filled = {"SLUG": slug, "NUMBER": number, "TITLE": title}
    return [cell(fill(part, filled)) for part in PARTS]


def cell(part: str | dict):
    if isinstance(part, str):
        return nbformat.v4.new_markdown_cell(part.strip())
    return nbformat.v4.new_code_cell(part["source"].strip(), metadata=part["metadata"])


def fill(part, filled: dict[str, str]):
    """The part with the words of `filled` in all its strings."""
    if isinstance(part, str):
        for name, value in filled.items():
            part = part.replace(name, value)
        return part
    if isinstance(part, dict):
        return {key: fill(value, filled) for key, value in part.items()}
    return part


def code(source: str, *tags: str, hidden: bool = False, **metadata) -> dict:
    if tags:
        metadata["tags"] = list(tags)
    if hidden:
        metadata["jupyter"] = {"source_hidden": True}
    return {"source": source, "metadata": metadata}


def setup(source: str) -> dict:
    """Absent from the page; folded in a notebook."""
    return code(source, "setup", hidden=True)


def check(source: str) -> dict:
    """One line on the page, which opens."""
    return code(source, "check", hidden=True)


def figure(source: str, *, name: str, caption: str, alt: str) -> dict:
    says = {"figure": {"caption": caption, "name": name}, "image": {"alt": alt}}
    return code(source, "hide-input", hidden=True, mystnb=says)


def exercise(label: str, stars: str, title: str, asks: str, answers: str, source: str) -> list:
    """An exercise, its solution in words, and the solution's code."""
    return [
        f"```{{exercise}} {stars} {title}\n:label: {label}\n{asks}\n```\n\n"
        f"````{{solution-start}} {label}\n:class: dropdown\n````",
        answers,
        code(source, hidden=True),
        "````{solution-end}\n````",
    ]


PARTS = [
    """\
(ch-SLUG)=
# NUMBER. TITLE

*Which question does this chapter answer, in one short line?*

**Placeholder.** Here stands the scene, in 50 to 90 words: the question of the chapter in a concrete
situation, without a formula, a list of aims or code. It begins exactly where the chapter before
ended. Say who wants what, what happens instead, and why that is strange. Until somebody writes it,
a point stands at 1, its goal is 0, and all it knows is the slope under it.
""",
    setup("""\
from importlib.util import find_spec

if find_spec("adamtut") is None:
    print("adamtut is missing. In a clone of its repository: pip install '.[book]'")

import matplotlib.pyplot as plt
import numpy as np

from adamtut import descend, plot, rules

plot.use_style()
"""),
    figure(
        """\
figure, ax = plt.subplots(figsize=(7.0, 2.8))
for lr, line in ((0.5, "-"), (1.5, "--"), (2.5, ":")):
    walk = descend(rules.gd, lambda x: x, 1.0, lr, steps=5)
    ax.plot(walk, line, marker="o", color=plot.INK, label=rf"$\\alpha = {lr}$")
ax.set(xlabel="step", ylabel=r"$\\theta$", ylim=(-8, 8))
_ = ax.legend()
""",
        name="fig-SLUG-picture",
        caption="A placeholder for the picture that carries the idea. The caption says what to "
        "see and does not give the answer away.",
        alt="Three lines that start at 1. The first comes down to 0, the second swings around 0 "
        "and becomes smaller, the third swings and grows.",
    ),
    """\
**Placeholder.** A picture of the *mechanism* stands within the first screen: what happens to the
{term}`gradient`, to the averages and to the step, and not only the path. Then comes a prediction
about what the picture shows. Each wrong answer gets its own reply, and the text after it works for
those who never choose.

:::{predict} The slope at $\\theta$ is $\\theta$. From 1, where does a step of 2.5 slopes end?
- [ ] At 0, the goal

  A step of one slope ends there. This one goes on.
- [x] At −1.5, farther out than it began

  It starts at distance 1 and ends at distance 1.5.
- [ ] At 2.5

  The step goes downhill, so it points to the other side.

A step takes 2.5 slopes off 1, and $1 - 2.5 = -1.5$. The next one multiplies by −1.5 again.
:::

## The idea: toy numbers first

**Placeholder.** Numbers that a reader can do in the head come first, then words, then the
formula, with every symbol explained once. At 1 the slope is 1. Half of it takes the point to 0.5,
half of the next slope to 0.25, and so on. In words: a step moves against the slope, by the
{term}`learning rate` times its size. As a formula,

$$\\theta_t = \\theta_{t-1} - \\alpha\\, g_t .$$

Here $g_t$ is the slope, $\\alpha$ the rate and $t$ the number of the step. The rule stands alone in
its cell and is the text of the package:
""",
    code("""\
def gd(g, t):
    return (g,)
"""),
    "The loop calls it. Two or more numbers that a reader compares are a table:\n",
    code("""\
path = descend(rules.gd, lambda x: x, 1.0, lr=0.5, steps=4)
plot.table({"step": range(5), r"$\\theta$": path}, ".4f")
"""),
    check("""\
# A step multiplies the distance by 1 − α: by 0.5 here, by −1.5 in the prediction.
np.testing.assert_allclose(path, 0.5 ** np.arange(5))
too_long = descend(rules.gd, lambda x: x, 1.0, lr=2.5, steps=4)
np.testing.assert_allclose(too_long, (-1.5) ** np.arange(5))
assert gd(3.0, t=1) == rules.gd(3.0, t=1)
"""),
    """\
## Why it is so

**Placeholder.** A result is wanted before it is stated, and explained before it is confirmed. Here
the reason is short: the slope is as large as the distance, so a step takes the share $\\alpha$ of
the distance away, and $1 - \\alpha$ of it is left. What remains shrinks as long as that factor lies
between −1 and 1. A check stands right after what it checks. Ask of each whether it would fail if
the sentence were false.

## The experiment that could have gone the other way

**Placeholder.** One decisive experiment. The rates are tuned with the same budget, on other
{term}`seeds <seed>` than those that judge; there are enough seeds to separate the contestants, or a
sentence says which difference they exclude. Until then: with noise on the slope, does a longer step
bring the point closer? The {term}`loss` is averaged over the second hundred steps.
""",
    code("""\
def late_loss(lr, seed):
    rng = np.random.default_rng(seed)
    walk = descend(rules.gd, lambda x: x + rng.normal(), 1.0, lr, steps=200)
    return (walk[100:] ** 2).mean() / 2


seeds, rates = range(5), (0.1, 0.5)
late = np.array([[late_loss(lr, seed) for seed in seeds] for lr in rates])
error = late.std(axis=1, ddof=1) / np.sqrt(len(seeds))
columns = {"rate": rates, "mean loss": late.mean(axis=1), "standard error": error}
plot.table(columns, {"rate": ".1f", "mean loss": ".3f", "standard error": ".3f"})
"""),
    check("""\
# For each seed the shorter step ends lower.
assert (late[0] < late[1]).all()
"""),
    """\
With noise the shorter step wins for every seed: the {term}`noise floor` grows with the rate.

## Where it fails

**Placeholder.** The chapter ends in its limit, and the next chapter begins exactly there. A short
step hovers low and arrives late; a long one arrives early and hovers high. No constant rate does
both.

## Summary

**Placeholder.** Three to five sentences to take away.

- A step moves against the slope, by the rate times its size.
- The factor $1 - \\alpha$ says whether the point arrives, swings or leaves.
- Under noise a constant rate has a floor.

## Exercises
""",
    *exercise(
        "ex-SLUG-start",
        "★",
        "Another start",
        "**Placeholder.** Start at 100 instead of 1. After how many steps of rate 0.5 is the point "
        "as close to 0 as it was after four?",
        "The distance halves at each step, and 100 is between $2^6$ and $2^7$: seven steps more.",
        """\
far = descend(rules.gd, lambda x: x, 100.0, lr=0.5, steps=20)
arrived = int(np.argmax(far <= path[-1]))
print(arrived, "steps")
assert arrived == 4 + 7
""",
    ),
    *exercise(
        "ex-SLUG-border",
        "★",
        "On the border",
        "**Placeholder.** What does the point do at the rate 2? Predict it from the factor.",
        "The factor is −1: it jumps between two places for ever.",
        """\
border = descend(rules.gd, lambda x: x, 1.0, lr=2.0, steps=5)
print(border)
assert (np.abs(border) == 1).all()
""",
    ),
    *exercise(
        "ex-SLUG-fall",
        "★★",
        "A rate that falls",
        "**Placeholder.** Take $\\alpha = 1/t$ at step $t$. Does it beat the better of the two "
        "constant rates?",
        "Yes. With this rate the point is the mean of all noise so far, with its sign turned, and "
        "a mean of many values is small.",
        """\
falling = [late_loss(lambda t: 1 / t, seed) for seed in seeds]
print(f"{np.mean(falling):.4f} against {late[0].mean():.4f}")
assert (falling < late[0]).all()
""",
    ),
    *exercise(
        "ex-SLUG-floor",
        "★★★",
        "The floor, by hand",
        "**Placeholder.** Derive the floor of the loss for independent noise of variance 1, and "
        "compare it with what was measured.",
        "The variance $s$ of $\\theta$ stays as it is when $s = (1-\\alpha)^2 s + \\alpha^2$, so "
        "$s = \\alpha/(2-\\alpha)$, and the loss is half of that. The measured values differ from "
        "it by the chance of five seeds.",
        """\
floor = [lr / (2 - lr) / 2 for lr in rates]
print(np.round(floor, 3), "by hand,", late.mean(axis=1).round(3), "measured")
assert np.allclose(late.mean(axis=1), floor, rtol=0.3)
""",
    ),
    """\
## Statements on trial

**Placeholder.** What serves the story is settled in the story. All else that the ledger,
`book/claims.yml`, assigns to this chapter is settled here, in checks, at labels with the
statements' ids. Once there is such a statement, the directive `trial` makes the table of them all.

## History and references

**Placeholder.** Who had the idea, where it was proven, and what to read next: the direction against
the slope is from {cite:t}`cauchy1847`, the falling rate from {cite:t}`robbins1951`, and the rest is
in every book on the subject, for example in that of {cite:t}`nocedal2006`.
""",
]
