"""The first steps of every rule, worked out by hand; they need no library but Python."""

# Rule → hyper-parameters, and for the first steps the gradient, the direction and the state.
# The numbers are chosen so that the roots come out even.
BY_HAND = {
    "gd": ({}, [(3.0, 3.0), (-4.0, -4.0)]),
    # m = 0 / 2 + 3, then 3 / 2 - 4
    "momentum": ({"beta": 0.5}, [(3.0, 3.0, 3.0), (-4.0, -2.5, -2.5)]),
    # m = 3 / 2, then 3 / 4 - 4 / 2
    "ema_momentum": ({"beta": 0.5}, [(3.0, 1.5, 1.5), (-4.0, -1.25, -1.25)]),
    # m as in momentum; d = 3 + 3 / 2, then -4 - 2.5 / 2
    "nesterov": ({"beta": 0.5}, [(3.0, 4.5, 3.0), (-4.0, -5.25, -2.5)]),
    # s = 9, then 9 + 16; d = 3 / (3 + 1), then -4 / (5 + 1)
    "adagrad": ({"eps": 1.0}, [(3.0, 0.75, 9.0), (-4.0, -2 / 3, 25.0)]),
    # v = 9 / 4, then 3/4 · 9/4 + 42.25 / 4 = 12.25; d = 3 / (1.5 + 0.5), then -6.5 / (3.5 + 0.5)
    "rmsprop": (
        {"beta": 0.75, "eps": 0.5},
        [(3.0, 1.5, 2.25), (-6.5, -1.625, 12.25)],
    ),
    # v = 4 / 4, then 3/4 + 1/4; both times √(v + eps) = √1.5625 = 1.25
    # d = 0.75 / 1.25 · 2, then -√(0.36 + 0.5625) / 1.25
    # s = 1.44 / 4, then 3/4 · 0.36 + 0.9225 / 1.5625 / 4
    "adadelta": (
        {"rho": 0.75, "eps": 0.5625},
        [(2.0, 1.2, 1.0, 0.36), (-1.0, -(0.9225**0.5) / 1.25, 1.0, 0.4176)],
    ),
    # m = 2 / 2 and v = 4 / 4, corrected 1 / (1/2) = 2 and 1 / (1/4) = 4; d = 2 / (2 + 0.5)
    # m = 1/2 - 5/2 and v = 3/4 + 25/4, corrected -2 / (3/4) and 7 / (7/16) = 16;
    # d = -(8/3) / (4 + 0.5) = -16/27
    "adam": (
        {"betas": (0.5, 0.75), "eps": 0.5},
        [(2.0, 0.8, 1.0, 1.0), (-5.0, -16 / 27, -2.0, 7.0)],
    ),
    # m as in adam, corrected 2 and -8/3; u = max(0, 2 + 0.5), then max(3/4 · 2.5, 5 + 0.5)
    "adamax": (
        {"betas": (0.5, 0.75), "eps": 0.5},
        [(2.0, 0.8, 1.0, 2.5), (-5.0, -16 / 33, -2.0, 5.5)],
    ),
    # m = 2 / 2, then 1/2 - 1/4; v = 1e-6 + 4/4 as v < g², then falls by 0.25 / 4 as v > g²
    "yogi": (
        {"betas": (0.5, 0.75), "eps": 0.5},
        [
            (2.0, 1 / (1.000001**0.5 + 0.5), 1.0, 1.000001),
            (-0.5, 0.25 / (0.937501**0.5 + 0.5), 0.25, 0.937501),
        ],
    ),
    # m, v and their corrections as in adam; then g = 0: m = -1, v = 7 · 3/4, but v_max stays
    # at 7, corrected 7 / (37/64); m is corrected -1 / (7/8)
    "amsgrad": (
        {"betas": (0.5, 0.75), "eps": 0.5},
        [
            (2.0, 0.8, 1.0, 1.0, 1.0),
            (-5.0, -16 / 27, -2.0, 7.0, 7.0),
            (0.0, -8 / 7 / ((448 / 37) ** 0.5 + 0.5), -1.0, 5.25, 7.0),
        ],
    ),
    # mu = 1/2 (1 - 0.96/2), 1/2 (1 - 0.96²/2), 1/2 (1 - 0.96³/2) = 0.26, 0.2696, 0.278816
    # d = (0.2696 · 1 / (1 - 0.26 · 0.2696) + 0.74 · 2 / (1 - 0.26)) / (2 + 0.5)
    # product = 0.070096; d = -(0.278816 · 2 / (1 - 0.070096 · 0.278816)
    #                           + 0.7304 · 5 / (1 - 0.070096)) / (4 + 0.5)
    "nadam": (
        {"betas": (0.5, 0.75), "eps": 0.5, "momentum_decay": 1.0},
        [
            (2.0, (0.2696 / (1 - 0.070096) + 2) / 2.5, 1.0, 1.0, 0.26),
            (
                -5.0,
                -(0.557632 / (1 - 0.070096 * 0.278816) + 3.652 / (1 - 0.070096)) / 4.5,
                -2.0,
                7.0,
                0.070096,
            ),
        ],
    ),
    # beta2 = 3/4: the length of the average tends to 7, and is 1 and 13/7 in the first steps
    "radam": (
        {"betas": (0.5, 0.75), "eps": 0.5},
        [(2.0, 2.0, 1.0, 1.0), (-5.0, -8 / 3, -2.0, 7.0)],
    ),
    # m = 3 / 2, then 3/4 - 1/2; the signs agree, then disagree, then one of them is 0
    "powersign": (
        {"beta": 0.5, "base": 4.0},
        [(3.0, 12.0, 1.5), (-1.0, -0.25, 0.25), (0.0, 0.0, 0.125)],
    ),
    # as powersign
    "addsign": (
        {"beta": 0.5, "alpha": 1.5},
        [(3.0, 7.5, 1.5), (-1.0, -0.5, 0.25), (0.0, 0.0, 0.125)],
    ),
}


def by_hand(rule, name):
    """Yield what the rule returns in its first steps, and what it should."""
    hyper, steps = BY_HAND[name]
    state = ()
    for t, (g, *expected) in enumerate(steps, start=1):
        found = rule(g, t, *state, **hyper)
        yield found, tuple(expected)
        state = found[1:]
