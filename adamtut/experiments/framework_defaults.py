"""Defaults read from the installed libraries by their signatures: which optimizer, which rate."""

import inspect
from functools import partial
from importlib import import_module
from typing import Any

from adamtut.experiments import runner

# library, path of the callable, argument
ARGUMENTS = [
    ("keras", "Model.compile", "optimizer"),
    ("keras", "optimizers.Adam", "learning_rate"),
    ("keras", "optimizers.Adam", "epsilon"),
    ("keras", "optimizers.Adagrad", "epsilon"),
    ("keras", "optimizers.Adagrad", "initial_accumulator_value"),
    ("keras", "optimizers.RMSprop", "epsilon"),
    ("keras", "optimizers.Adadelta", "epsilon"),
    ("optax", "adam", "eps"),
    ("optax", "adagrad", "eps"),
    ("optax", "adagrad", "initial_accumulator_value"),
    ("optax", "rmsprop", "eps"),
    ("optax", "adadelta", "eps"),
    ("torch", "optim.Adam", "lr"),
    ("torch", "optim.Adam", "eps"),
    ("torch", "optim.SGD", "lr"),
    ("sklearn", "neural_network.MLPClassifier", "solver"),
    ("sklearn", "neural_network.MLPClassifier", "tol"),
]
SETTINGS = [{"what": f"{library}.{path}({name})"} for library, path, name in ARGUMENTS]


def measure(what, seed, device, data):
    """The default value of the argument that `what` names."""
    path, name = what.removesuffix(")").split("(")
    library, *parts = path.split(".")
    target: Any = import_module(library)
    for part in parts:
        try:
            target = getattr(target, part)
        except AttributeError:
            target = import_module(f"{target.__name__}.{part}")
    return {"default": inspect.signature(target).parameters[name].default}


run = partial(
    runner.run,
    "framework_defaults",
    measure,
    SETTINGS,
    seeds=1,
    data="signatures of the installed libraries",
    libraries=("keras", "optax", "torch", "scikit-learn"),
)

if __name__ == "__main__":
    runner.main(run)
