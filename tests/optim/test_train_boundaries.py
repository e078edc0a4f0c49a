"""What the training loop refuses: plausible input that failed late, or trained nothing."""

import numpy as np
import pytest
import torch
from torch.nn.functional import mse_loss

from adamtut import optim, train

INPUTS, TARGETS = torch.arange(6.0).reshape(3, 2), torch.ones(3, 1)


def fit(**given):
    model = given.pop("model", None) or torch.nn.Linear(2, 1)
    usual = {"loss": mse_loss, "optimizer": optim.SGD(model.parameters(), lr=0.1)}
    return train.fit(model, **(usual | {"batches": [(INPUTS, TARGETS)]} | given))


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (
            {"inputs": INPUTS.numpy()},
            TypeError,
            "inputs must be a torch tensor, got ndarray: pass torch.from_numpy of it",
        ),
        ({"targets": [0, 1, 2]}, TypeError, "targets must be a torch tensor, got list"),
        (
            {"inputs": torch.tensor(1.0)},
            ValueError,
            "inputs must have an axis of examples, got 1.0",
        ),
        ({"size": 2.5}, ValueError, "size must be a whole number of 1 or more, got 2.5"),
        ({"steps": "3"}, ValueError, "steps must be a whole number of 1 or more, got '3'"),
    ],
)
def test_batches_of_something_else_are_refused_at_the_call(given, error, said):
    usual = {"inputs": INPUTS, "targets": TARGETS, "size": 2, "steps": 3}
    with pytest.raises(error, match=said):
        train.batches(**(usual | given))


def test_an_optimizer_of_another_model_is_refused():
    """It trained nothing: the losses stood still without a word."""
    other = torch.nn.Linear(2, 1)
    with pytest.raises(ValueError, match="the optimizer has none of the model's parameters"):
        fit(optimizer=optim.Adam(other.parameters()))


def test_an_optimizer_of_a_part_will_do():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    assert len(fit(model=model, optimizer=torch.optim.Adam(model[1].parameters()))) == 1


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        (optim.Adam, r"must be a torch.optim.Optimizer of model.parameters\(\), got <class"),
        (lambda: None, "must be a torch.optim.Optimizer"),
        (
            torch.optim.LBFGS(torch.nn.Linear(2, 1).parameters()),
            "LBFGS calls the loss by itself in its step; fit cannot give it one",
        ),
    ],
    ids=["class", "function", "LBFGS"],
)
def test_what_is_no_optimizer_for_this_loop_is_named(optimizer, said):
    with pytest.raises(TypeError, match=said):
        fit(optimizer=optimizer)


@pytest.mark.parametrize(
    ("batches", "said"),
    [
        ((INPUTS, TARGETS), r"a batch must be a pair .*got Tensor; is this one batch\? \[batch\]"),
        ([(INPUTS, TARGETS, TARGETS)], "a batch must be a pair"),
        ([(INPUTS.numpy(), TARGETS)], "inputs of a batch must be a torch tensor, got ndarray"),
        ([(INPUTS, [1.0])], "targets of a batch must be a torch tensor, got list"),
    ],
    ids=["one batch", "three", "array", "list"],
)
def test_what_is_no_batch_is_named(batches, said):
    with pytest.raises(TypeError, match=said):
        fit(batches=batches)


def test_a_pair_that_comes_as_a_list_will_do():
    """As a `DataLoader` makes it."""
    assert np.isfinite(fit(batches=[[INPUTS, TARGETS]])).all()
