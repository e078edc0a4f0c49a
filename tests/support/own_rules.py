"""Rules that the book does not have, one for each thing that a rule may be or want."""

from adamtut.traits import AT_LEAST_0, MEMORY, elementwise, ranges, scalar_states


@ranges(limit=AT_LEAST_0)
def clipped(g, t, *, limit=10.0):
    """Gradient descent with a limit on the norm of the gradient: it mixes all elements."""
    norm = (g * g).sum() ** 0.5
    return (g * min(1.0, limit / float(norm)) if norm > 0 else g,)


@ranges(beta=MEMORY)
def trust_ratio(g, t, m=0.0, *, x, beta=0.9, trust=0.01):
    """LARS in small: a step is a share of the norm of the parameter, which it wants."""
    m = beta * m + g
    size, length = (x * x).sum() ** 0.5, (m * m).sum() ** 0.5
    ratio = trust * float(size) / float(length) if size > 0 and length > 0 else 1.0
    return ratio * m, m


@ranges(beta=MEMORY)
def factored(
    g, t, rows=lambda x: 0 * x.sum(-1), columns=lambda x: 0 * x.sum(-2), *, beta=0.9, eps=1e-30
):
    """Adafactor's second moment of a matrix, kept as one of its rows and one of its columns."""
    square = g * g + eps
    rows = beta * rows + (1 - beta) * square.mean(-1)
    columns = beta * columns + (1 - beta) * square.mean(-2)
    v = rows[:, None] * columns[None, :] / rows.mean() / (1 - beta**t)
    return g / v**0.5, rows, columns


@elementwise
def anchored(g, t, start=lambda x: x, *, x, pull=0.5):
    """Gradient descent on a spring that is tied to the start."""
    return g + pull * (x - start), start


@elementwise
@scalar_states("total")
def counted(g, t, total=lambda x: 0 * x.sum(), *, slope=-0.8, weights=(-1.0, 0.5, 2.0)):
    """The sum of three weights again and again, one number; no setting has a range."""
    total = total + weights[0] + weights[1] + weights[2]
    return slope * total * g, total


@elementwise
def remembering(g, t, last=lambda x: x, older=lambda x: x, *, x, weight=0.3):
    """Gradient descent that looks at the last two places; its states change hands."""
    return g + weight * (x - older), x, last


RULES = [clipped, trust_ratio, factored, anchored, counted, remembering]
OWN = {rule.__name__: rule for rule in RULES}
