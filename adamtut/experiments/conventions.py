"""Where torch, optax and Keras disagree: each convention, and our rule that follows it exactly.

`TABLE` and `DEFAULTS` are what tests/rules/test_conventions.py holds against the installed
libraries. Run as an experiment, this module measures how much each convention matters, how far
apart the libraries are as they are shipped, and reads their default numbers; the book's page of
defaults and conventions is made from that.
"""

import inspect
import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import combinations
from typing import Any
from unittest import mock

import numpy as np

from adamtut import descend, rules
from adamtut.experiments import runner

STEPS = 50
LR = 0.01


def streams(steps: int = STEPS) -> dict[str, np.ndarray]:
    """Gradient streams (steps, 6) that are hard on an optimizer."""
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(steps, 6))
    return {
        "badly scaled": normal * 10.0 ** np.arange(-3, 3),
        "sparse": normal * (rng.random((steps, 6)) < 0.1),
        "heavy-tailed": rng.standard_cauchy((steps, 6)),
        # 1e-6, where Yogi's v starts, is the square of the first; zeros shall stay zeros
        "constant": np.tile([1e-3, 0.0, 1.0, -1.0, 1e3, -0.1], (steps, 1)),
    }


# All streams side by side: every optimizer here works coordinate by coordinate.
GRADIENTS = np.concatenate(list(streams().values()), axis=1)
START = np.tile(np.linspace(-1, 1, 6), len(streams()))

# Far from every default, and with an eps that shows where it stands.
BETAS = (0.8, 0.99)
B1, B2 = BETAS
KERAS_BETAS = {"beta_1": B1, "beta_2": B2}
OPTAX_BETAS = {"b1": B1, "b2": B2}
EPS = 1e-2
DECAY = 0.1


def steady(t):
    """The same rate at every step."""
    return LR


def falling(t):
    """A tenth of the rate in the second half."""
    return LR if t <= STEPS // 2 else LR / 10


# Four ways to a path of shape (steps + 1, coordinates). A library is imported by the first path
# that needs it: Keras takes seconds, and the book is built without any of them.


def our_path(rule, rate=steady, **settings):
    """The path of a rule of this package."""
    return descend(rule, lambda x, t: GRADIENTS[t - 1], START, rate, STEPS, **settings)


def torch_path(name, rate=steady, scale=1.0, **settings):
    """The path of a class of torch.optim; `scale` multiplies the gradients."""
    import torch

    x = torch.nn.Parameter(torch.from_numpy(START.copy()))
    optimizer = getattr(torch.optim, name)([x], **settings)
    path = [START]
    for t, g in enumerate(scale * GRADIENTS, start=1):
        optimizer.param_groups[0]["lr"] = rate(t)
        x.grad = torch.from_numpy(g.copy())
        optimizer.step()
        path.append(x.detach().numpy().copy())
    return np.stack(path)


def optax_path(make, rate=steady, scale=1.0, **settings):
    """The path of a function of optax, named or given."""
    import jax
    import optax

    if isinstance(make, str):
        make = getattr(optax, make)
    with jax.enable_x64(True):  # the flag itself would hold for all that runs in this process
        rates = jax.numpy.array([rate(t) for t in range(1, STEPS + 1)])
        optimizer = make(lambda count: rates[count], **settings)

        def step(carry, g):
            x, state = carry
            updates, state = optimizer.update(g, state, x)
            x = optax.apply_updates(x, updates)
            return (x, state), x

        x = jax.numpy.array(START)
        gradients = jax.numpy.array(scale * GRADIENTS)
        _, path = jax.lax.scan(step, (x, optimizer.init(x)), gradients)
        return np.concatenate([START[None], np.asarray(path)])


def keras_path(name, rate=steady, scale=1.0, **settings):
    """The path of a class of keras.optimizers."""
    rates = [rate(t) for t in range(1, STEPS + 1)]
    return keras_walk(name, START, scale * GRADIENTS, rates, **settings)


def keras_walk(name, start, gradients, rates, **settings):
    """The same from any place, along any gradients, with a rate for each."""
    import torch

    keras = import_keras()
    floatx = keras.config.floatx()
    keras.config.set_floatx("float64")  # or the rate would be a float32
    try:
        optimizer = getattr(keras.optimizers, name)(**settings)
        x = keras.Variable(start)
        path = [start]
        for g, rate in zip(gradients, rates, strict=True):
            optimizer.learning_rate = float(rate)
            optimizer.apply([torch.from_numpy(g.copy())], [x])
            path.append(x.numpy().copy())
    finally:
        keras.config.set_floatx(floatx)
    return np.stack(path)


@cache
def import_keras():
    """Keras on torch; its settings in the user's home are not read, and none are written."""
    with tempfile.TemporaryDirectory() as home:
        settings = {"KERAS_BACKEND": "torch", "KERAS_HOME": home}  # read at import alone
        with mock.patch.dict(os.environ, settings):
            import keras
    return keras


def ours(rule, **settings):
    """A path of ours, not walked yet."""
    return partial(our_path, rule, **settings)


def torch_(name, **settings):
    """A path of torch."""
    return partial(torch_path, name, **settings)


def optax_(make, **settings):
    """A path of optax."""
    return partial(optax_path, make, **settings)


def keras_(name, **settings):
    """A path of Keras."""
    return partial(keras_path, name, **settings)


@cache
def path_of(run):
    """The path, walked once."""
    return run()


# The rules that libraries run, written with ours.


def momentum_of_steps(g, t, m=0.0, *, beta):
    """The buffer sums steps: the rate is inside, and a new rate does not change the old ones."""
    m, _ = rules.momentum(falling(t) * g, t, m, beta=beta)
    return m / falling(t), m


def damped_momentum(g, t, m=None, *, beta):
    """The first gradient counts in full, each later one by 1 - beta."""
    return rules.ema_momentum(g, t, g if m is None else m, beta=beta)


def adagrad_start(g, t, s=0.1, *, eps):
    """The sum starts at 0.1."""
    return rules.adagrad(g, t, s, eps=eps)


def adagrad_in_root(g, t, s=0.0, *, eps):
    """The root is of s + eps."""
    _, s = rules.adagrad(g, t, s)
    return g / np.sqrt(s + eps), s


def adagrad_in_root_start(g, t, s=0.1, *, eps):
    """Both at once, as in optax and Keras."""
    return adagrad_in_root(g, t, s, eps=eps)


def adadelta_outside(g, t, v=0.0, s=0.0, *, rho, eps):
    """As nobody does it; the size of what everybody agrees on."""
    _, v, _ = rules.adadelta(g, t, v, s, rho=rho)
    d = (np.sqrt(s) + eps) / (np.sqrt(v) + eps) * g
    return d, v, rho * s + (1 - rho) * d**2


def rmsprop_in_root(g, t, v=0.0, *, beta, eps):
    """The root is of v + eps."""
    _, v = rules.rmsprop(g, t, v, beta=beta)
    return g / np.sqrt(v + eps), v


def adam_hat(g, t, m=0.0, v=0.0, *, betas, eps):
    """Kingma & Ba 2015, end of section 2: its eps is worth eps / sqrt(1 - beta2^t) of Adam's."""
    _, beta2 = betas
    return rules.adam(g, t, m, v, betas=betas, eps=eps / np.sqrt(1 - beta2**t))


def adamax_after_maximum(g, t, m=0.0, u=0.0, *, betas, eps):
    """u itself stays without eps, and is 0 before the first gradient."""
    beta1, _ = betas
    with np.errstate(invalid="ignore"):  # 0/0 in the direction that is not used
        _, m, u = rules.adamax(g, t, m, u, betas=betas, eps=0.0)
    return m / (1 - beta1**t) / (u + eps), m, u


def amsgrad_hat(g, t, m=0.0, v=0.0, v_max=0.0, *, betas, eps):
    """As `adam_hat`, of the maximum."""
    _, beta2 = betas
    return rules.amsgrad(g, t, m, v, v_max, betas=betas, eps=eps / np.sqrt(1 - beta2**t))


def amsgrad_of_corrected(g, t, m=0.0, v=0.0, v_hat=0.0, *, betas, eps):
    """The state is the maximum of the corrected v; the rule takes it without the correction."""
    _, beta2 = betas
    correction = 1 - beta2**t
    d, m, v, v_max = rules.amsgrad(g, t, m, v, correction * v_hat, betas=betas, eps=eps)
    return d, m, v, v_max / correction


def nadam_float32(g, t, m=0.0, v=0.0, product=1.0, *, betas, eps):
    """The rule multiplies by mu; what it gets makes the result a product in float32."""
    beta1, _ = betas
    mu = beta1 * (1 - 0.5 * 0.96 ** (t * 0.004))
    rounded = float(np.float32(product) * np.float32(mu))
    return rules.nadam(g, t, m, v, rounded / mu, betas=betas, eps=eps)


def radam_corrected_eps(g, t, m=0.0, v=0.0, *, betas, eps):
    """The rule's eps stands beside the uncorrected root."""
    _, beta2 = betas
    return rules.radam(g, t, m, v, betas=betas, eps=eps * np.sqrt(1 - beta2**t))


def yogi_of_optax(g, t, m=1e-6, v=1e-6, *, betas, eps):
    """Corrected, and m starts at 1e-6 like v."""
    return rules.yogi(g, t, m, v, betas=betas, eps=eps, corrected=True)


def yogi_from_0(g, t, m=0.0, v=0.0, *, betas, eps):
    """Corrected, and v starts at 0 like m."""
    return rules.yogi(g, t, m, v, betas=betas, eps=eps, corrected=True)


def lion_of_average(g, t, m=0.0, *, betas):
    """The sign of m itself, which is Signum with the longer memory."""
    _, beta2 = betas
    return rules.lion(g, t, m, betas=(beta2, beta2))


# What optax's users chain themselves.


def optax_yogi_m_from_0(lr, **settings):
    """optax's Yogi, with m from 0."""
    import optax

    optimizer = optax.yogi(lr, **settings)

    def init(params):
        moments, *others = optimizer.init(params)
        return (moments._replace(mu=0 * moments.mu), *others)

    return optax.GradientTransformation(init, optimizer.update)


def optax_ema(lr, decay):
    """An average of gradients in the place of their sum."""
    import optax

    return optax.chain(optax.ema(decay, debias=False), optax.scale_by_learning_rate(lr))


def optax_adam_l2(lr, weight_decay, **settings):
    """The decay before Adam: it passes through the moments."""
    import optax

    return optax.chain(optax.add_decayed_weights(weight_decay), optax.adam(lr, **settings))


def optax_adamw_paper(lr, weight_decay, **settings):
    """The decay after the rate: a share of the weights, as in the paper."""
    import optax

    return optax.chain(optax.adam(lr, **settings), optax.add_decayed_weights(-weight_decay))


@dataclass(frozen=True)
class Row:
    """A convention: what a library does, our rule that does the same, and what it might have done.

    `size` tells how much it matters: for badly scaled gradients, the largest difference between the
    library's path and that of `instead_of`, in words `than`, relative to the way from the start;
    within 1.5 times.
    """

    rule: str
    library: str
    convention: str
    theirs: Callable[[], np.ndarray]
    ours: Callable[[], np.ndarray]
    instead_of: Callable[[], np.ndarray] | None = None
    than: str = ""
    size: float = 0.0

    def __str__(self):
        return f"{self.library} {self.rule}: {self.convention}"


# fmt: off
TABLE: list[Row] = [
    Row("gd", "torch", "no state",
        torch_("SGD"), ours(rules.gd)),
    Row("gd", "optax", "no state",
        optax_("sgd"), ours(rules.gd)),
    Row("gd", "Keras", "no state",
        keras_("SGD"), ours(rules.gd)),

    Row("momentum", "torch", "the buffer sums gradients, undamped",
        torch_("SGD", momentum=B1), ours(rules.momentum, beta=B1),
        instead_of=ours(rules.ema_momentum, beta=B1),
        than="an average of them", size=0.8),
    Row("momentum", "optax", "the buffer sums gradients, undamped",
        optax_("sgd", momentum=B1), ours(rules.momentum, beta=B1),
        instead_of=ours(rules.ema_momentum, beta=B1),
        than="an average of them", size=0.8),
    Row("momentum", "Keras", "the buffer sums gradients, undamped",
        keras_("SGD", momentum=B1), ours(rules.momentum, beta=B1),
        instead_of=ours(rules.ema_momentum, beta=B1),
        than="an average of them", size=0.8),
    Row("momentum", "torch", "a new rate holds for old gradients too",
        torch_("SGD", momentum=B1, rate=falling), ours(rules.momentum, beta=B1, rate=falling),
        instead_of=ours(momentum_of_steps, beta=B1, rate=falling),
        than="the rate inside the buffer", size=0.2),
    Row("momentum", "optax", "a new rate holds for old gradients too",
        optax_("sgd", momentum=B1, rate=falling), ours(rules.momentum, beta=B1, rate=falling),
        instead_of=ours(momentum_of_steps, beta=B1, rate=falling),
        than="the rate inside the buffer", size=0.2),
    Row("momentum", "Keras", "the rate is inside the buffer, a new one spares old gradients",
        keras_("SGD", momentum=B1, rate=falling), ours(momentum_of_steps, beta=B1, rate=falling),
        instead_of=ours(rules.momentum, beta=B1, rate=falling),
        than="a new rate for all", size=0.2),

    Row("nesterov", "torch", "d = g + beta m with the new m",
        torch_("SGD", momentum=B1, nesterov=True), ours(rules.nesterov, beta=B1),
        instead_of=ours(rules.momentum, beta=B1),
        than="d = m, the heavy ball", size=0.05),
    Row("nesterov", "optax", "d = g + beta m with the new m",
        optax_("sgd", momentum=B1, nesterov=True), ours(rules.nesterov, beta=B1),
        instead_of=ours(rules.momentum, beta=B1),
        than="d = m, the heavy ball", size=0.05),
    Row("nesterov", "Keras", "d = g + beta m with the new m",
        keras_("SGD", momentum=B1, nesterov=True), ours(rules.nesterov, beta=B1),
        instead_of=ours(rules.momentum, beta=B1),
        than="d = m, the heavy ball", size=0.05),

    Row("adadelta", "torch", "eps is added inside both roots",
        torch_("Adadelta", rho=B1, eps=EPS), ours(rules.adadelta, rho=B1, eps=EPS),
        instead_of=ours(adadelta_outside, rho=B1, eps=EPS),
        than="eps added to both roots", size=0.8),
    Row("adadelta", "optax", "eps is added inside both roots",
        optax_("adadelta", rho=B1, eps=EPS), ours(rules.adadelta, rho=B1, eps=EPS),
        instead_of=ours(adadelta_outside, rho=B1, eps=EPS),
        than="eps added to both roots", size=0.8),
    Row("adadelta", "Keras", "eps is added inside both roots",
        keras_("Adadelta", rho=B1, epsilon=EPS), ours(rules.adadelta, rho=B1, eps=EPS),
        instead_of=ours(adadelta_outside, rho=B1, eps=EPS),
        than="eps added to both roots", size=0.8),

    Row("ema_momentum", "torch", "dampening leaves the first gradient undamped",
        torch_("SGD", momentum=B1, dampening=B1), ours(damped_momentum, beta=B1),
        instead_of=ours(rules.ema_momentum, beta=B1),
        than="damped like the others", size=0.1),
    Row("ema_momentum", "optax", "optax.ema damps every gradient",
        optax_(optax_ema, decay=B1), ours(rules.ema_momentum, beta=B1),
        instead_of=ours(damped_momentum, beta=B1),
        than="the first gradient undamped", size=0.1),

    Row("adagrad", "torch", "eps is added to the root",
        torch_("Adagrad", eps=EPS), ours(rules.adagrad, eps=EPS),
        instead_of=ours(adagrad_in_root, eps=EPS),
        than="inside the root", size=0.3),
    Row("adagrad", "torch", "the start value is the sum before the first gradient",
        torch_("Adagrad", initial_accumulator_value=0.1, eps=EPS), ours(adagrad_start, eps=EPS),
        instead_of=ours(rules.adagrad, eps=EPS),
        than="a sum from 0", size=0.5),
    Row("adagrad", "optax", "eps is added inside the root",
        optax_("adagrad", initial_accumulator_value=0.0, eps=EPS), ours(adagrad_in_root, eps=EPS),
        instead_of=ours(rules.adagrad, eps=EPS),
        than="added to the root", size=0.3),
    Row("adagrad", "optax", "the sum starts at 0.1",
        optax_("adagrad", eps=EPS), ours(adagrad_in_root_start, eps=EPS),
        instead_of=ours(adagrad_in_root, eps=EPS),
        than="from 0", size=0.2),
    Row("adagrad", "Keras", "eps is added inside the root",
        keras_("Adagrad", initial_accumulator_value=0.0, epsilon=EPS),
        ours(adagrad_in_root, eps=EPS),
        instead_of=ours(rules.adagrad, eps=EPS),
        than="added to the root", size=0.3),
    Row("adagrad", "Keras", "the sum starts at 0.1",
        keras_("Adagrad", epsilon=EPS), ours(adagrad_in_root_start, eps=EPS),
        instead_of=ours(adagrad_in_root, eps=EPS),
        than="from 0", size=0.2),

    Row("rmsprop", "torch", "eps is added to the root",
        torch_("RMSprop", alpha=B2, eps=EPS), ours(rules.rmsprop, beta=B2, eps=EPS),
        instead_of=ours(rmsprop_in_root, beta=B2, eps=EPS),
        than="inside the root", size=0.2),
    Row("rmsprop", "optax", "eps is added inside the root unless eps_in_sqrt=False",
        optax_("rmsprop", decay=B2, eps=EPS), ours(rmsprop_in_root, beta=B2, eps=EPS),
        instead_of=ours(rules.rmsprop, beta=B2, eps=EPS),
        than="added to the root", size=0.2),
    Row("rmsprop", "optax", "eps is added to the root with eps_in_sqrt=False",
        optax_("rmsprop", decay=B2, eps=EPS, eps_in_sqrt=False),
        ours(rules.rmsprop, beta=B2, eps=EPS),
        instead_of=ours(rmsprop_in_root, beta=B2, eps=EPS),
        than="inside the root", size=0.2),
    Row("rmsprop", "optax", "with bias_correction=True it is Adam without beta1",
        optax_("rmsprop", decay=B2, eps=EPS, eps_in_sqrt=False, bias_correction=True),
        ours(rules.adam, betas=(0.0, B2), eps=EPS),
        instead_of=ours(rules.rmsprop, beta=B2, eps=EPS),
        than="no correction", size=2),
    Row("rmsprop", "Keras", "eps is added inside the root",
        keras_("RMSprop", rho=B2, epsilon=EPS), ours(rmsprop_in_root, beta=B2, eps=EPS),
        instead_of=ours(rules.rmsprop, beta=B2, eps=EPS),
        than="added to the root", size=0.2),

    Row("adam", "torch", "eps is added to the root of the corrected v",
        torch_("Adam", betas=BETAS, eps=EPS), ours(rules.adam, betas=BETAS, eps=EPS),
        instead_of=ours(adam_hat, betas=BETAS, eps=EPS),
        than="of the uncorrected v (eps-hat)", size=0.2),
    Row("adam", "optax", "eps is added to the root of the corrected v",
        optax_("adam", **OPTAX_BETAS, eps=EPS), ours(rules.adam, betas=BETAS, eps=EPS),
        instead_of=ours(adam_hat, betas=BETAS, eps=EPS),
        than="of the uncorrected v (eps-hat)", size=0.2),
    Row("adam", "Keras", "eps is added to the root of the uncorrected v (eps-hat)",
        keras_("Adam", **KERAS_BETAS, epsilon=EPS), ours(adam_hat, betas=BETAS, eps=EPS),
        instead_of=ours(rules.adam, betas=BETAS, eps=EPS),
        than="of the corrected v", size=0.2),

    Row("adamax", "torch", "eps is added to |g| inside the maximum",
        torch_("Adamax", betas=BETAS, eps=EPS), ours(rules.adamax, betas=BETAS, eps=EPS),
        instead_of=ours(adamax_after_maximum, betas=BETAS, eps=EPS),
        than="added to the maximum", size=0.008),
    Row("adamax", "optax", "eps is added to |g| inside the maximum",
        optax_("adamax", **OPTAX_BETAS, eps=EPS), ours(rules.adamax, betas=BETAS, eps=EPS),
        instead_of=ours(adamax_after_maximum, betas=BETAS, eps=EPS),
        than="added to the maximum", size=0.008),
    Row("adamax", "Keras", "eps is added to the maximum",
        keras_("Adamax", **KERAS_BETAS, epsilon=EPS),
        ours(adamax_after_maximum, betas=BETAS, eps=EPS),
        instead_of=ours(rules.adamax, betas=BETAS, eps=EPS),
        than="added to |g| inside it", size=0.008),

    Row("nadam", "torch", "mu warms up by 0.96^(0.004 t)",
        torch_("NAdam", betas=BETAS, eps=EPS), ours(nadam_float32, betas=BETAS, eps=EPS),
        instead_of=ours(rules.nadam, betas=BETAS, eps=EPS, momentum_decay=1.0),
        than="by 0.96^t", size=0.08),
    Row("nadam", "torch", "the product of mu is a float32",
        torch_("NAdam", betas=BETAS, eps=EPS), ours(nadam_float32, betas=BETAS, eps=EPS),
        instead_of=ours(rules.nadam, betas=BETAS, eps=EPS),
        than="a float64", size=8e-10),
    Row("nadam", "optax", "mu is beta1 from the first step",
        optax_("nadam", **OPTAX_BETAS, eps=EPS),
        ours(rules.nadam, betas=BETAS, eps=EPS, momentum_decay=math.inf),
        instead_of=ours(rules.nadam, betas=BETAS, eps=EPS),
        than="a warm-up by 0.96^(0.004 t)", size=0.2),
    Row("nadam", "Keras", "mu warms up by 0.96^t",
        keras_("Nadam", **KERAS_BETAS, epsilon=EPS),
        ours(rules.nadam, betas=BETAS, eps=EPS, momentum_decay=1.0),
        instead_of=ours(rules.nadam, betas=BETAS, eps=EPS),
        than="by 0.96^(0.004 t)", size=0.08),

    Row("radam", "torch", "eps is added to the root of the uncorrected v",
        torch_("RAdam", betas=BETAS, eps=EPS), ours(rules.radam, betas=BETAS, eps=EPS),
        instead_of=ours(radam_corrected_eps, betas=BETAS, eps=EPS),
        than="of the corrected v", size=0.009),
    Row("radam", "optax", "eps is added to the root of the corrected v",
        optax_("radam", **OPTAX_BETAS, eps=EPS), ours(radam_corrected_eps, betas=BETAS, eps=EPS),
        instead_of=ours(rules.radam, betas=BETAS, eps=EPS),
        than="of the uncorrected v", size=0.009),
    Row("radam", "optax", "the threshold is 5, the paper's is 4",
        optax_("radam", **OPTAX_BETAS, eps=EPS), ours(radam_corrected_eps, betas=BETAS, eps=EPS),
        instead_of=optax_("radam", **OPTAX_BETAS, eps=EPS, threshold=4.0),
        than="a threshold of 4", size=0.2),

    Row("amsgrad", "torch", "the maximum of v is corrected",
        torch_("Adam", amsgrad=True, betas=BETAS, eps=EPS),
        ours(rules.amsgrad, betas=BETAS, eps=EPS),
        instead_of=ours(amsgrad_of_corrected, betas=BETAS, eps=EPS),
        than="the maximum of the corrected v", size=0.05),
    Row("amsgrad", "optax", "the maximum is taken of the corrected v",
        optax_("amsgrad", **OPTAX_BETAS, eps=EPS), ours(amsgrad_of_corrected, betas=BETAS, eps=EPS),
        instead_of=ours(rules.amsgrad, betas=BETAS, eps=EPS),
        than="the maximum of v, corrected", size=0.05),
    Row("amsgrad", "optax", "without both corrections it is the paper's",
        optax_("amsgrad", **OPTAX_BETAS, eps=EPS,
               bias_correction_mu=False, bias_correction_nu=False),
        ours(rules.amsgrad, betas=BETAS, eps=EPS, corrected=False),
        instead_of=ours(rules.amsgrad, betas=BETAS, eps=EPS),
        than="with the corrections", size=0.6),
    Row("amsgrad", "Keras", "the maximum of v is corrected, eps is not (eps-hat)",
        keras_("Adam", amsgrad=True, **KERAS_BETAS, epsilon=EPS),
        ours(amsgrad_hat, betas=BETAS, eps=EPS),
        instead_of=ours(rules.amsgrad, betas=BETAS, eps=EPS),
        than="eps added to the corrected root", size=0.2),

    Row("adam", "torch", "AdamW decays by lr times weight_decay",
        torch_("AdamW", betas=BETAS, eps=EPS, weight_decay=DECAY),
        ours(rules.adam, betas=BETAS, eps=EPS, weight_decay=DECAY),
        instead_of=ours(rules.adam, betas=BETAS, eps=EPS, weight_decay=DECAY / LR),
        than="by weight_decay alone", size=5),
    Row("adam", "optax", "adamw decays by lr times weight_decay",
        optax_("adamw", **OPTAX_BETAS, eps=EPS, weight_decay=DECAY),
        ours(rules.adam, betas=BETAS, eps=EPS, weight_decay=DECAY),
        instead_of=ours(rules.adam, betas=BETAS, eps=EPS, weight_decay=DECAY / LR),
        than="by weight_decay alone", size=5),
    Row("adam", "optax", "decay chained after the rate is the paper's AdamW, without lr",
        optax_(optax_adamw_paper, **OPTAX_BETAS, eps=EPS, weight_decay=DECAY),
        ours(rules.adam, betas=BETAS, eps=EPS, weight_decay=DECAY / LR),
        instead_of=ours(rules.adam, betas=BETAS, eps=EPS, weight_decay=DECAY),
        than="by lr times weight_decay", size=1),
    Row("adam", "Keras", "AdamW decays by lr times weight_decay",
        keras_("AdamW", **KERAS_BETAS, epsilon=EPS, weight_decay=DECAY),
        ours(adam_hat, betas=BETAS, eps=EPS, weight_decay=DECAY),
        instead_of=ours(adam_hat, betas=BETAS, eps=EPS, weight_decay=DECAY / LR),
        than="by weight_decay alone", size=5),
    Row("adam", "torch", "weight_decay of Adam is a penalty",
        torch_("Adam", betas=BETAS, eps=EPS, weight_decay=DECAY),
        ours(rules.adam, betas=BETAS, eps=EPS, l2=DECAY),
        instead_of=ours(rules.adam, betas=BETAS, eps=EPS, weight_decay=DECAY),
        than="a decay beside the step", size=1),
    Row("adam", "optax", "decay chained before adam is a penalty",
        optax_(optax_adam_l2, **OPTAX_BETAS, eps=EPS, weight_decay=DECAY),
        ours(rules.adam, betas=BETAS, eps=EPS, l2=DECAY),
        instead_of=ours(rules.adam, betas=BETAS, eps=EPS, weight_decay=DECAY),
        than="a decay beside the step", size=1),
    Row("adam", "Keras", "weight_decay of Adam is AdamW's",
        keras_("Adam", **KERAS_BETAS, epsilon=EPS, weight_decay=DECAY),
        ours(adam_hat, betas=BETAS, eps=EPS, weight_decay=DECAY),
        instead_of=ours(adam_hat, betas=BETAS, eps=EPS, l2=DECAY),
        than="a penalty in the gradient", size=2),

    Row("yogi", "optax", "m and v are corrected",
        optax_("yogi", **OPTAX_BETAS, eps=EPS), ours(yogi_of_optax, betas=BETAS, eps=EPS),
        instead_of=ours(rules.yogi, betas=BETAS, eps=EPS),
        than="no correction, as in the paper", size=1),
    Row("yogi", "optax", "m and v start at 1e-6",
        optax_("yogi", **OPTAX_BETAS, eps=EPS), ours(yogi_of_optax, betas=BETAS, eps=EPS),
        instead_of=ours(yogi_from_0, betas=BETAS, eps=EPS),
        than="from 0", size=0.009),
    Row("yogi", "optax", "with m from 0 it is the corrected form",
        optax_(optax_yogi_m_from_0, **OPTAX_BETAS, eps=EPS),
        ours(rules.yogi, betas=BETAS, eps=EPS, corrected=True),
        instead_of=ours(rules.yogi, betas=BETAS, eps=EPS),
        than="no correction", size=1),

    Row("lion", "optax", "the sign is of a mix by beta1, m averages by beta2",
        optax_("lion", **OPTAX_BETAS, weight_decay=0.0), ours(rules.lion, betas=BETAS),
        instead_of=ours(lion_of_average, betas=BETAS),
        than="the sign of m itself", size=1.6),
    Row("lion", "Keras", "the sign is of a mix by beta1, m averages by beta2",
        keras_("Lion", **KERAS_BETAS), ours(rules.lion, betas=BETAS),
        instead_of=ours(lion_of_average, betas=BETAS),
        than="the sign of m itself", size=1.6),
    Row("lion", "optax", "lion decays by 0.001 times lr unless told otherwise",
        optax_("lion", **OPTAX_BETAS), ours(rules.lion, betas=BETAS, weight_decay=1e-3),
        instead_of=ours(rules.lion, betas=BETAS),
        than="no decay, as in Keras", size=0.002),
    Row("lion", "Keras", "weight_decay of Lion is decoupled, times lr",
        keras_("Lion", **KERAS_BETAS, weight_decay=DECAY),
        ours(rules.lion, betas=BETAS, weight_decay=DECAY),
        instead_of=ours(rules.lion, betas=BETAS, l2=DECAY),
        than="a penalty in the gradient", size=2.4),
]
# fmt: on


def by_stream(path):
    """The coordinates of each stream."""
    return dict(zip(streams(), np.split(path, len(streams()), axis=1), strict=True))


def difference(found, expected):
    """The largest difference of two paths, relative to the path, over the streams."""
    pairs = zip(by_stream(found).values(), by_stream(expected).values(), strict=True)
    return np.max([np.abs(a - b).max() / np.abs(b).max() for a, b in pairs])  # NaN stays NaN


def size_of(other, expected):
    """How far apart two paths come within fifty steps, relative to the longest way gone."""
    other, expected = by_stream(other)["badly scaled"], by_stream(expected)["badly scaled"]
    return np.abs(other - expected).max() / np.abs(expected - expected[0]).max()


# Default numbers. optax has no default for the rate.

ADAM_OF_KERAS = {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
ADAM_OF_OPTAX = {"b1": 0.9, "b2": 0.999, "eps": 1e-8, "eps_root": 0.0}
ADAM_OF_TORCH = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0}

DEFAULTS: dict[tuple[str, str], dict[str, Any]] = {
    ("torch", "SGD"): {"lr": 1e-3, "momentum": 0, "dampening": 0, "weight_decay": 0},
    ("Keras", "SGD"): {"learning_rate": 0.01, "momentum": 0.0},
    ("optax", "sgd"): {},
    ("torch", "Adagrad"): {
        "lr": 0.01,
        "lr_decay": 0,
        "weight_decay": 0,
        "initial_accumulator_value": 0,
        "eps": 1e-10,
    },
    ("Keras", "Adagrad"): {
        "learning_rate": 1e-3,
        "initial_accumulator_value": 0.1,
        "epsilon": 1e-7,
    },
    ("optax", "adagrad"): {"initial_accumulator_value": 0.1, "eps": 1e-7},
    ("torch", "RMSprop"): {
        "lr": 0.01,
        "alpha": 0.99,
        "eps": 1e-8,
        "weight_decay": 0,
        "momentum": 0,
    },
    ("Keras", "RMSprop"): {"learning_rate": 1e-3, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7},
    ("optax", "rmsprop"): {"decay": 0.9, "eps": 1e-8, "initial_scale": 0.0},
    ("torch", "Adadelta"): {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0},
    ("Keras", "Adadelta"): {"learning_rate": 1e-3, "rho": 0.95, "epsilon": 1e-7},
    ("optax", "adadelta"): {"rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
    ("torch", "Adam"): ADAM_OF_TORCH,
    ("Keras", "Adam"): ADAM_OF_KERAS,
    ("optax", "adam"): ADAM_OF_OPTAX,
    ("optax", "amsgrad"): ADAM_OF_OPTAX,
    ("torch", "AdamW"): ADAM_OF_TORCH | {"weight_decay": 0.01},
    ("Keras", "AdamW"): ADAM_OF_KERAS | {"weight_decay": 0.004},
    ("optax", "adamw"): ADAM_OF_OPTAX | {"weight_decay": 1e-4},
    ("torch", "Adamax"): ADAM_OF_TORCH | {"lr": 2e-3},
    ("Keras", "Adamax"): ADAM_OF_KERAS,
    ("optax", "adamax"): {"b1": 0.9, "b2": 0.999, "eps": 1e-8},
    ("torch", "NAdam"): ADAM_OF_TORCH | {"lr": 2e-3, "momentum_decay": 0.004},
    ("Keras", "Nadam"): ADAM_OF_KERAS,
    ("optax", "nadam"): ADAM_OF_OPTAX,
    ("torch", "RAdam"): ADAM_OF_TORCH,
    ("optax", "radam"): ADAM_OF_OPTAX | {"threshold": 5.0},
    ("optax", "yogi"): {"b1": 0.9, "b2": 0.999, "eps": 1e-3},
    ("optax", "lion"): {"b1": 0.9, "b2": 0.99, "weight_decay": 1e-3},
    ("Keras", "Lion"): {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.99},
    ("optax", "scale_by_yogi"): {
        "b1": 0.9,
        "b2": 0.999,
        "eps": 1e-3,
        "eps_root": 0.0,
        "initial_accumulator_value": 1e-6,
    },
}


def numbers(optimizer):
    """The default numbers in a signature; switches and settings without a number left out."""
    defaults = {n: p.default for n, p in inspect.signature(optimizer).parameters.items()}
    defaults.pop("ema_momentum", None)  # of Keras's average of the weights, which is off
    return {n: value for n, value in defaults.items() if type(value) in (int, float, tuple)}


def default_numbers(library, name):
    """Those of the installed library."""
    if library == "Keras":
        return numbers(getattr(import_keras().optimizers, name))
    if library == "torch":
        import torch

        return numbers(getattr(torch.optim, name))
    import optax

    return numbers(getattr(optax, name))


# What the digest of the paper lists for Adam in 2017: the rate, both betas, eps, and more.
IN_2017: dict[str, dict[str, float]] = {
    "TensorFlow": {"rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "Keras": {"rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "decay": 0.0},
    "Blocks": {"rate": 2e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "decay_factor": 1},
    "Lasagne": {"rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "Caffe": {"rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "MXNet": {"rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "Torch": {"rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
}

# The libraries as they are shipped; the rate alone is the same for all.
SHIPPED: dict[str, dict[str, Callable]] = {
    "gd": {"torch": torch_("SGD"), "optax": optax_("sgd"), "Keras": keras_("SGD")},
    "momentum": {
        "torch": torch_("SGD", momentum=0.9),
        "optax": optax_("sgd", momentum=0.9),
        "Keras": keras_("SGD", momentum=0.9),
    },
    "nesterov": {
        "torch": torch_("SGD", momentum=0.9, nesterov=True),
        "optax": optax_("sgd", momentum=0.9, nesterov=True),
        "Keras": keras_("SGD", momentum=0.9, nesterov=True),
    },
    "adagrad": {
        "torch": torch_("Adagrad"),
        "optax": optax_("adagrad"),
        "Keras": keras_("Adagrad"),
    },
    "rmsprop": {
        "torch": torch_("RMSprop"),
        "optax": optax_("rmsprop"),
        "Keras": keras_("RMSprop"),
    },
    "adadelta": {
        "torch": torch_("Adadelta"),
        "optax": optax_("adadelta"),
        "Keras": keras_("Adadelta"),
    },
    "adam": {"torch": torch_("Adam"), "optax": optax_("adam"), "Keras": keras_("Adam")},
    "adamw": {"torch": torch_("AdamW"), "optax": optax_("adamw"), "Keras": keras_("AdamW")},
    "adamax": {"torch": torch_("Adamax"), "optax": optax_("adamax"), "Keras": keras_("Adamax")},
    "amsgrad": {
        "torch": torch_("Adam", amsgrad=True),
        "optax": optax_("amsgrad"),
        "Keras": keras_("Adam", amsgrad=True),
    },
    "nadam": {"torch": torch_("NAdam"), "optax": optax_("nadam"), "Keras": keras_("Nadam")},
    "radam": {"torch": torch_("RAdam"), "optax": optax_("radam")},
    "lion": {"optax": optax_("lion"), "Keras": keras_("Lion")},
}
# What multiplies the badly scaled gradients, which are of size 1e-3 to 1e2.
SCALES = {"ordinary": 1.0, "tiny": 1e-6}

# A setting is one of three kinds.
SETTINGS: list[dict[str, str]] = [
    *({"convention": str(row)} for row in TABLE),
    *(
        {"shipped": rule, "one": one, "other": other, "gradients": gradients}
        for rule, paths in SHIPPED.items()
        for one, other in combinations(paths, 2)
        for gradients in SCALES
    ),
    *({"library": library, "name": name} for library, name in DEFAULTS),
]


def measure(seed, device, data, **setting):
    """What a convention is worth; how far apart two libraries come; default numbers."""
    if "convention" in setting:
        (row,) = (row for row in TABLE if str(row) == setting["convention"])
        if row.instead_of is None:
            return {"than": "", "size": 0.0}
        return {
            "than": row.than,
            "size": float(size_of(path_of(row.instead_of), path_of(row.theirs))),
        }
    if "shipped" in setting:
        paths = SHIPPED[setting["shipped"]]
        scale = SCALES[setting["gradients"]]
        one, other = (paths[setting[which]](scale=scale) for which in ("one", "other"))
        return {"apart": float(size_of(other, one))}
    return {"defaults": default_numbers(setting["library"], setting["name"])}


run = partial(
    runner.run,
    "conventions",
    measure,
    SETTINGS,
    seeds=1,
    data=f"{STEPS} badly scaled gradients, up to a hundred thousand times as large as others",
    libraries=("numpy", "torch", "optax", "keras"),
)

if __name__ == "__main__":
    runner.main(run)
