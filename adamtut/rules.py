"""Every update rule of the book, in its order.

A rule is a pure function: gradient `g`, step number `t` from 1, state → direction `d`
and new state, as a tuple. The caller moves, and owns the learning rate::

    d, *state = rule(g, t, *state)
    x = x - lr * d

State variables are positional, with their start value; hyper-parameters are keyword-only. What a
rule declares above its signature is explained in `adamtut.traits`: all of these treat each element
of `g` by itself, and their hyper-parameters have ranges. A function whose name begins with an
underscore is a helper, and no rule.
The same text runs on Python floats, NumPy arrays, torch tensors and JAX arrays, under `jax.jit`
and `torch.compile` too, where `t` and the hyper-parameters may themselves be tensors: `g` has any
shape, `d` and the state have the shape of `g`. Rules check nothing; `descend` and `optim` do.
`g` holds real floats of 32 bits or more: in half precision `eps` and g² may be 0, squares of
integers overflow, and a complex number needs the square of its modulus.

Default numbers are the papers'. Where a paper and PyTorch differ in arithmetic, the rule
follows PyTorch and the docstring says so. Each docstring ends in the line `Source`, from which,
with the signature, `adamtut.registry` makes its list of rules.
"""

import math

from adamtut.ops import maximum, sign, sqrt, where
from adamtut.schedules import constant
from adamtut.traits import (
    AT_LEAST_0,
    MEMORY,
    Range,
    elementwise,
    ranges,
    rests_at_zero,
    scalar_states,
)


@elementwise
@rests_at_zero
def gd(g, t):
    """Gradient descent: the direction is the gradient.

    >>> gd(2.0, t=1)
    (2.0,)

    Source: Cauchy 1847
    """
    return (g,)


@elementwise
@ranges(beta=MEMORY)
def momentum(g, t, m=0.0, *, beta=0.9):
    """Heavy ball: `m` sums past gradients, each weighted beta less.

    For a constant gradient `m` grows to g / (1 - beta).

    >>> momentum(1.0, t=2, m=1.0)
    (1.9, 1.9)

    Source: Polyak 1964
    """
    m = beta * m + g
    return m, m


@elementwise
@ranges(beta=MEMORY)
def ema_momentum(g, t, m=0.0, *, beta=0.9):
    """Momentum as an exponential moving average; `momentum` at the rate lr (1 - beta).

    The first line of Adam, without its correction.

    >>> ema_momentum(1.0, t=1, beta=0.75)
    (0.25, 0.25)

    Source: Kingma & Ba 2015, algorithm 1
    """
    m = beta * m + (1 - beta) * g
    return m, m


@elementwise
@ranges(beta=MEMORY)
def nesterov(g, t, m=0.0, *, beta=0.9):
    """Nesterov momentum in the form that needs the gradient at `x` only.

    The form is Sutskever et al. 2013, eq. 3-4, after the change of variable of Bengio et al. 2013,
    eq. 7, as in PyTorch. With it `x` stands for the look-ahead point.

    >>> nesterov(1.0, t=1)
    (1.9, 1.0)

    Source: Nesterov 1983
    """
    m = beta * m + g
    return g + beta * m, m


@elementwise
@rests_at_zero
@ranges(eps=AT_LEAST_0)
def adagrad(g, t, s=0.0, *, eps=1e-10):
    """AdaGrad: divide by the root of the sum of squared gradients.

    `eps` outside the root, as in the paper (its delta) and in PyTorch; the default is PyTorch's.

    >>> adagrad(3.0, t=1, eps=0.0)
    (1.0, 9.0)

    Source: Duchi et al. 2011, sec. 1.1
    """
    s = s + g**2
    return g / (sqrt(s) + eps), s


@elementwise
@ranges(beta=MEMORY, eps=AT_LEAST_0)
def rmsprop(g, t, v=0.0, *, beta=0.9, eps=1e-8):
    """RMSProp: divide by the root of a moving average of squared gradients.

    The source has beta = 0.9 and no `eps`; here it stands outside the root, as in PyTorch, whose
    default for beta (its `alpha`) is 0.99.
    The average starts at 0 and is not corrected: the first direction is sign(g) / sqrt(1 - beta).

    >>> rmsprop(3.0, t=1, beta=0.75, eps=0.0)
    (2.0, 2.25)

    Source: Tieleman & Hinton 2012, lecture 6.5, slide 29
    """
    v = beta * v + (1 - beta) * g**2
    return g / (sqrt(v) + eps), v


@elementwise
@ranges(rho=MEMORY, eps=AT_LEAST_0)
def adadelta(g, t, v=0.0, s=0.0, *, rho=0.95, eps=1e-6):
    """Adadelta: RMSProp whose unit is mended by an average `s` of its own squared steps.

    Meant for lr = 1; `eps` inside both roots, in the paper and in PyTorch, whose default for rho
    is 0.9.

    >>> d, v, s = adadelta(1.0, t=1, rho=0.75, eps=0.25)
    >>> round(d, 4), v, round(s, 4)
    (0.7071, 0.25, 0.125)

    Source: Zeiler 2012, algorithm 1
    """
    v = rho * v + (1 - rho) * g**2
    d = sqrt(s + eps) / sqrt(v + eps) * g
    s = rho * s + (1 - rho) * d**2
    return d, v, s


@elementwise
@ranges(betas=MEMORY, eps=AT_LEAST_0)
def adam(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    """Adam: a corrected mean of gradients over the root of a corrected mean of their squares.

    The paper's defaults are PyTorch's too; meant for lr = 0.001. The first direction is sign(g)
    where g is large beside `eps`.

    >>> d, m, v = adam(4.0, t=1, eps=0.0)
    >>> round(d, 9)
    1.0

    Source: Kingma & Ba 2015, algorithm 1
    """
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return m_hat / (sqrt(v_hat) + eps), m, v


@elementwise
@ranges(betas=MEMORY, eps=AT_LEAST_0)
def adamax(g, t, m=0.0, u=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    """AdaMax: Adam with the largest recent gradient in the place of the root mean square.

    Meant for lr = 0.002. `eps` is PyTorch's, which keeps 0/0 away from coordinates that have never
    seen a gradient. The paper has none: its AdaMax is ``eps=0``, and NaN there (for Python floats
    an error).

    >>> d, m, u = adamax(-4.0, t=1, eps=0.0)
    >>> round(d, 9), u
    (-1.0, 4.0)

    Source: Kingma & Ba 2015, algorithm 2
    """
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g
    u = maximum(beta2 * u, abs(g) + eps)
    m_hat = m / (1 - beta1**t)
    return m_hat / u, m, u


@elementwise
@ranges(betas=MEMORY, eps=AT_LEAST_0)
def yogi(g, t, m=0.0, v=1e-6, *, betas=(0.9, 0.999), eps=1e-3, corrected=False):
    """Yogi: the sign of v - g² decides whether `v` grows or falls, g² alone by how much.

    Meant for lr = 0.01. Nothing is corrected, as in the paper; `v` is no average, and starts above
    0. The paper starts it from a large first batch, libraries from 1e-6. With ``corrected=True``
    both are divided by 1 - beta^t nevertheless, as in optax, which also starts `m` at 1e-6.

    >>> yogi(2.0, t=1, v=0.0, betas=(0.5, 0.75), eps=0.0)
    (1.0, 1.0, 1.0)
    >>> yogi(2.0, t=1, v=0.0, betas=(0.5, 0.75), eps=2.0, corrected=True)
    (0.5, 1.0, 1.0)

    Source: Zaheer et al. 2018, algorithm 2
    """
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g
    v = v - (1 - beta2) * sign(v - g**2) * g**2
    m_hat = m / (1 - beta1**t) if corrected else m
    v_hat = v / (1 - beta2**t) if corrected else v
    return m_hat / (sqrt(v_hat) + eps), m, v


@elementwise
@ranges(betas=MEMORY, eps=AT_LEAST_0)
def amsgrad(g, t, m=0.0, v=0.0, v_max=0.0, *, betas=(0.9, 0.999), eps=1e-8, corrected=True):
    """AMSGrad: Adam that divides by the largest `v` so far.

    With corrections, as in PyTorch: the maximum is taken of `v`, then corrected. The paper has
    neither corrections nor `eps`: its AMSGrad is ``corrected=False, eps=0``, and its rates never
    grow. With the correction they may, while 1 - beta2^t grows.

    >>> paper = {"betas": (0.5, 0.75), "corrected": False}
    >>> d, m, v, v_max = amsgrad(1.0, t=2, v=4.0, v_max=4.0, **paper)
    >>> m, v, v_max
    (0.5, 3.25, 4.0)

    Source: Reddi et al. 2018, algorithm 2
    """
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    v_max = maximum(v_max, v)
    m_hat = m / (1 - beta1**t) if corrected else m
    v_hat = v_max / (1 - beta2**t) if corrected else v_max
    return m_hat / (sqrt(v_hat) + eps), m, v, v_max


@elementwise
@scalar_states("product")
@ranges(betas=MEMORY, eps=AT_LEAST_0, momentum_decay=Range(0, finite=False))
def nadam(g, t, m=0.0, v=0.0, product=1.0, *, betas=(0.9, 0.999), eps=1e-8, momentum_decay=0.004):
    """NAdam: Adam with Nesterov's look ahead, and a beta1 that warms up.

    Arithmetic and defaults are PyTorch's: mu warms up from beta1 / 2 to beta1 at the speed
    `momentum_decay`, also called ψ (0 keeps it at beta1 / 2), and `m` averages with beta1, where
    the paper averages with mu. `product`, also called P, is the product of all mu so far, one
    number.

    >>> d, m, v, product = nadam(3.0, t=1, eps=0.0)
    >>> product < 0.9
    True

    Source: Dozat 2016, algorithm 2
    """
    beta1, beta2 = betas
    mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
    product = product * mu
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = mu_next * m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
    v_hat = v / (1 - beta2**t)
    return m_hat / (sqrt(v_hat) + eps), m, v, product


@elementwise
@ranges(betas=MEMORY, eps=AT_LEAST_0)
def radam(g, t, m=0.0, v=0.0, *, betas=(0.9, 0.999), eps=1e-8):
    """RAdam: momentum while `v` rests on few gradients, then Adam scaled by the trust in `v`.

    `rho` is the length of an average as certain as `v`. As in PyTorch: Adam begins at rho > 5, in
    the paper at rho > 4; `eps` is added to the root of the uncorrected `v`, the paper has none.

    >>> d, m, v = radam(3.0, t=1)
    >>> round(d, 9)
    3.0

    Source: Liu et al. 2020, algorithm 2
    """
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    certain = rho > 5
    rho = maximum(5.0, rho)  # up to 5, r is not used, and need only be a number
    rho_inf = maximum(5.0, rho_inf)
    r = sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
    adaptive = r * sqrt(1 - beta2**t) * m_hat / (sqrt(v) + eps)
    return where(certain, adaptive, m_hat), m, v


@elementwise
@ranges(beta=MEMORY, base=AT_LEAST_0)
def powersign(g, t, m=0.0, *, beta=0.9, base=math.e, decay=constant(1.0)):
    """PowerSign: a step of base times the gradient where gradient and momentum agree, else 1/base.

    `decay` is the paper's f(t), a schedule that lets the effect fade: `constant`, `linear_decay`,
    `cyclical` or `sgdr` of `adamtut.schedules`. Where either sign is 0 the step is g.

    >>> d, m = powersign(-1.0, t=2, m=5.0, base=4.0)
    >>> d
    -0.25

    Source: Bello et al. 2017
    """
    m = beta * m + (1 - beta) * g
    agreement = sign(g) * sign(m)
    return base ** (decay(t) * agreement) * g, m


@elementwise
@ranges(beta=MEMORY, alpha=AT_LEAST_0)
def addsign(g, t, m=0.0, *, beta=0.9, alpha=1.0, decay=constant(1.0)):
    """AddSign: twice the gradient where gradient and momentum agree, nothing where they do not.

    That is for alpha = 1. `decay` as in `powersign`.

    >>> addsign(-1.0, t=1)[0], addsign(-1.0, t=2, m=5.0)[0]
    (-2.0, -0.0)

    Source: Bello et al. 2017
    """
    m = beta * m + (1 - beta) * g
    agreement = sign(g) * sign(m)
    return (alpha + decay(t) * agreement) * g, m


@elementwise
@ranges(betas=MEMORY)
def lion(g, t, m=0.0, *, betas=(0.9, 0.99)):
    """Lion: the sign of a mix of momentum and gradient; `m` itself remembers longer.

    Every element moves by the rate, however large its gradient; where the mix is 0 it stays. Meant
    for a rate three to ten times below AdamW's, with a decoupled decay as many times above. Its
    state is half of Adam's.

    >>> lion(-3.0, t=1, betas=(0.5, 0.75))
    (-1, -0.75)

    Source: Chen et al. 2023, algorithm 2
    """
    beta1, beta2 = betas
    d = sign(beta1 * m + (1 - beta1) * g)
    m = beta2 * m + (1 - beta2) * g
    return d, m
