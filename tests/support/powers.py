"""NumPy takes powers from the C library or, with AVX-512, has its own, which round otherwise."""

import math

import numpy as np
import torch

# How near to the uncompiled rule the loop in C is where it may round otherwise.
NEAR = {torch.float32: 5e-6, torch.float64: 1e-14}


def _are_the_c_librarys():
    base = np.linspace(0.1, 3, 1000)
    exponents = base[::-1].copy()  # in one piece, as parameters are
    return (base**exponents).tolist() == list(map(math.pow, base, exponents))


NUMPYS_OWN = not _are_the_c_librarys()
