"""Where the libraries disagree: each convention, our rule that follows it exactly, and its size.

A failure names the convention that moved. Keras takes seconds to import, so it is imported by
the first test that needs it, and the table is sorted by library: with pytest-xdist
one worker runs most of Keras.
"""

import inspect
import re
from dataclasses import replace
from functools import partial

import jax
import numpy as np
import optax
import pytest
import torch
from cases import CASES

from adamtut import descend, rules
from adamtut.diagnosis.mutants import mutants
from adamtut.experiments import conventions, load
from adamtut.experiments.conventions import (
    ADAM_OF_OPTAX,
    DEFAULTS,
    IN_2017,
    default_numbers,
    difference,
    import_keras,
    keras_path,
    numbers,
    optax_path,
    our_path,
    path_of,
    size_of,
    yogi_of_optax,
)
from adamtut.registry import RULES

# Keras turns torch's tensors into arrays in a way that NumPy 2 deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

TABLE = sorted(conventions.TABLE, key=lambda row: row.library != "Keras")


def check(row):
    expected = path_of(row.theirs)
    apart = difference(path_of(row.ours), expected)
    assert apart <= 1e-12, (
        f"{row}; a library or our rule moved, they are {apart:.1e} of the path apart"
    )
    if row.instead_of:
        size = size_of(path_of(row.instead_of), expected)
        assert row.size / 1.5 <= size <= 1.5 * row.size, (
            f"{row}; its size was {row.size:g} of the way and is {size:.1e}: "
            "a library or our rule moved"
        )


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_our_rule_follows_the_convention_of_the_library(row):
    check(row)


@pytest.mark.parametrize("row", [row for row in TABLE if row.instead_of], ids=str)
def test_another_convention_is_noticed_by_name(row):
    with pytest.raises(AssertionError, match=re.escape(str(row))):
        check(replace(row, ours=row.instead_of))
    with pytest.raises(AssertionError, match=re.escape(str(row))):
        check(replace(row, theirs=row.instead_of))
    with pytest.raises(AssertionError, match=re.escape(f"{row}; its size was")):
        check(replace(row, size=0.009 * row.size))


# Small mistakes in the transformations. Those in the rules themselves are for test_mutants.

TRANSFORMED = {
    row.ours.args[0]: row for row in TABLE if inspect.getmodule(row.ours.args[0]) is not rules
}


@pytest.mark.parametrize("function", TRANSFORMED, ids=lambda function: function.__name__)
def test_a_wrong_operator_or_number_of_a_transformation_is_noticed(function):
    row = TRANSFORMED[function]
    expected = path_of(row.theirs)
    survivors = set()
    for text, mutant in mutants(function):
        if re.search(r": \w+ → [a-z_]", text):
            continue  # a name for a name: some are of arguments that the rule below ignores
        try:
            with np.errstate(all="ignore"):
                found = our_path(mutant, **row.ours.keywords)
        except Exception:  # a mutant may fail in any way; that too is noticed
            continue
        if difference(found, expected) <= 1e-12:
            survivors.add(text)
    assert survivors == set()


def test_optax_s_yogi_moves_what_has_never_had_a_gradient():
    """Its m starts at 1e-6 and is divided by 1 - beta1^t; the rule, corrected or not, stays."""
    with jax.enable_x64(True):
        x, optimizer = jax.numpy.zeros(1), optax.yogi(0.01)
        state, path = optimizer.init(x), []
        for _ in range(200):
            updates, state = optimizer.update(jax.numpy.zeros(1), state)
            x = x + updates
            path.append(x.item())
    assert path[0] == pytest.approx(-2.8e-6, rel=0.02)
    assert path[-1] == pytest.approx(-1.6e-5, rel=0.02)
    expected = descend(yogi_of_optax, lambda x: 0 * x, 0.0, 0.01, 200, betas=(0.9, 0.999), eps=1e-3)
    np.testing.assert_allclose(path, expected[1:], rtol=1e-9)
    for corrected in (False, True):
        assert not descend(rules.yogi, lambda x: 0 * x, 0.0, 0.01, 200, corrected=corrected).any()


def test_every_rule_is_compared_with_every_library_that_has_it():
    """As the table of cases says; a library that gains a rule needs rows, and its name there."""
    modules = {"torch": torch.optim, "optax": optax, "Keras": import_keras().optimizers}
    for library, module in modules.items():
        having = {name for name, case in CASES.items() if library in case.libraries}
        assert {row.rule for row in TABLE if row.library == library} == having
        assert not (set(RULES) - having) & {name.lower() for name in dir(module)}


def test_jax_and_keras_are_left_as_they_were():
    floatx = import_keras().config.floatx()
    keras_path("SGD")
    assert import_keras().config.floatx() == floatx
    optax_path("sgd")
    assert jax.numpy.ones(1).dtype == "float32"


@pytest.mark.parametrize(("library", "name"), DEFAULTS)
def test_the_default_numbers_of_the_libraries(library, name):
    found = default_numbers(library, name)
    assert found == DEFAULTS[library, name], f"a default of {library} {name} moved"


def test_a_moved_default_is_noticed():
    assert numbers(partial(optax.adam, eps=1e-7)) == ADAM_OF_OPTAX | {"eps": 1e-7}
    assert numbers(partial(torch.optim.Adam, betas=(0.9, 0.99)))["betas"] == (0.9, 0.99)
    assert "new" in numbers(lambda lr=0.1, new=1.0: None)


def test_s1_defaults():
    """The digest's list beside today's numbers, as the page says; Caffe's is from its source."""
    for defaults in IN_2017.values():
        assert defaults["rate"] in (1e-3, 2e-3)
        assert (defaults["beta1"], defaults["beta2"], defaults["eps"]) == (0.9, 0.999, 1e-8)
    assert [name for name in IN_2017 if IN_2017[name]["rate"] != 1e-3] == ["Blocks"]
    torch_now, keras_now = default_numbers("torch", "Adam"), default_numbers("Keras", "Adam")
    then = IN_2017["Torch"]
    assert (torch_now["lr"], *torch_now["betas"], torch_now["eps"]) == tuple(then.values())
    then = IN_2017["Keras"]
    assert keras_now["learning_rate"] == then["rate"] and "decay" not in keras_now
    assert (keras_now["beta_1"], keras_now["beta_2"]) == (then["beta1"], then["beta2"])
    assert keras_now["epsilon"] == pytest.approx(10 * then["eps"])
    hat = next(row for row in TABLE if "(eps-hat)" in row.convention and row.rule == "adam")
    assert hat.library == "Keras"  # the test above holds the row


STORED = load("conventions")["runs"]


@pytest.mark.parametrize("run", STORED, ids=lambda run: " ".join(map(str, run.values()))[:90])
def test_what_the_page_shows_is_measured_again(run):
    setting = {name: run[name] for name in run if name not in {"than", "size", "apart", "defaults"}}
    found = conventions.measure(**setting, device="cpu", data=None)
    if "defaults" in found:
        assert {name: value for name, value in run["defaults"].items() if name != "betas"} == {
            name: value for name, value in found["defaults"].items() if name != "betas"
        }
        return
    for name, value in found.items():
        wanted = run[name] if name == "than" else pytest.approx(run[name], rel=1e-6, abs=1e-10)
        assert value == wanted
