"""Every update rule of the book, in its order.

A rule is a pure function: gradient `g`, step number `t` from 1, state → direction `d`
and new state, as a tuple. The caller moves, and owns the learning rate::

    d, *state = rule(g, t, *state)
    x = x - lr * d

State variables are positional, with their start value; hyper-parameters are keyword-only.
The same text runs on Python floats, NumPy arrays and torch tensors: `g` has
any shape, `d` and the state have the shape of `g`. Rules check nothing; `descend` does.

Default numbers are the papers'. Where a paper and PyTorch differ in arithmetic, the rule
follows PyTorch and the docstring says so.
"""

from adamtut.ops import sqrt


def gd(g, t):
    """Gradient descent: the direction is the gradient (Cauchy 1847).

    >>> gd(2.0, t=1)
    (2.0,)
    """
    return (g,)


def momentum(g, t, m=0.0, *, beta=0.9):
    """Heavy ball: `m` sums past gradients, each weighted beta less (Polyak 1964).

    For a constant gradient `m` grows to g / (1 - beta).

    >>> momentum(1.0, t=2, m=1.0)
    (1.9, 1.9)
    """
    m = beta * m + g
    return m, m


def ema_momentum(g, t, m=0.0, *, beta=0.9):
    """Momentum as an exponential moving average; `momentum` at the rate lr (1 - beta).

    The first line of Adam (Kingma & Ba 2015, algorithm 1), without its correction.

    >>> ema_momentum(1.0, t=1, beta=0.75)
    (0.25, 0.25)
    """
    m = beta * m + (1 - beta) * g
    return m, m


def nesterov(g, t, m=0.0, *, beta=0.9):
    """Nesterov momentum in the form that needs the gradient at `x` only.

    Nesterov 1983; the form is Sutskever et al. 2013, eq. 3-4, after the change of variable of
    Bengio et al. 2013, eq. 7, as in PyTorch. With it `x` stands for the look-ahead point.

    >>> nesterov(1.0, t=1)
    (1.9, 1.0)
    """
    m = beta * m + g
    return g + beta * m, m


def adagrad(g, t, s=0.0, *, eps=1e-10):
    """AdaGrad: divide by the root of the sum of squared gradients (Duchi et al. 2011, sec. 1.1).

    `eps` outside the root, as in the paper (its delta) and in PyTorch; the default is PyTorch's.

    >>> adagrad(3.0, t=1, eps=0.0)
    (1.0, 9.0)
    """
    s = s + g**2
    return g / (sqrt(s) + eps), s


def rmsprop(g, t, v=0.0, *, beta=0.9, eps=1e-8):
    """RMSProp: divide by the root of a moving average of squared gradients.

    Tieleman & Hinton 2012, lecture 6.5, slide 29, has beta = 0.9 and no `eps`; here it stands
    outside the root, as in PyTorch, whose default for beta (its `alpha`) is 0.99.
    The average starts at 0 and is not corrected: the first direction is sign(g) / sqrt(1 - beta).

    >>> rmsprop(3.0, t=1, beta=0.75, eps=0.0)
    (2.0, 2.25)
    """
    v = beta * v + (1 - beta) * g**2
    return g / (sqrt(v) + eps), v


def adadelta(g, t, v=0.0, s=0.0, *, rho=0.95, eps=1e-6):
    """Adadelta: RMSProp whose unit is mended by an average `s` of its own squared steps.

    Zeiler 2012, algorithm 1, meant for lr = 1; `eps` inside both roots, in the paper and in
    PyTorch, whose default for rho is 0.9.

    >>> d, v, s = adadelta(1.0, t=1, rho=0.75, eps=0.25)
    >>> round(d, 4), v, round(s, 4)
    (0.7071, 0.25, 0.125)
    """
    v = rho * v + (1 - rho) * g**2
    d = sqrt(s + eps) / sqrt(v + eps) * g
    s = rho * s + (1 - rho) * d**2
    return d, v, s


def adam(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    """Adam: a corrected mean of gradients over the root of a corrected mean of their squares.

    Kingma & Ba 2015, algorithm 1, with the paper's defaults, which are PyTorch's too; meant
    for lr = 0.001. The first direction is sign(g) where g is large beside `eps`.

    >>> d, m, v = adam(4.0, t=1, eps=0.0)
    >>> round(d, 9)
    1.0
    """
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return m_hat / (sqrt(v_hat) + eps), m, v
