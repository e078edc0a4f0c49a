"""Training a PyTorch network: the device, batches from a seed, and the loop.

The three together::

    model = model.to(train.device())
    stream = train.batches(inputs, labels, size=16, steps=600)
    losses = train.fit(model, cross_entropy, optim.Adam(model.parameters()), stream)
"""

import os
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

try:
    import torch
except ImportError as error:
    raise ImportError(
        "adamtut.train needs PyTorch: install adamtut with its 'torch' extra"
    ) from error

from adamtut.checks import check_whole
from adamtut.progress import late_bar

Batch = tuple[torch.Tensor, torch.Tensor]


def device() -> torch.device:
    """The device to train on: CUDA's GPU, else Apple's (MPS), else the CPU.

    `$ADAMTUT_DEVICE` names another, such as `cpu` or `cuda:1`. What is no CPU is announced in one
    printed line; on a CPU nothing is printed.

    Raises
    ------
    ValueError
        `$ADAMTUT_DEVICE` names no device, or one that this machine lacks.

    Notes
    -----
    MPS has no float64: train in float32, PyTorch's default. NumPy's arrays mostly are float64, so
    say `torch.tensor(array, dtype=torch.float32, device=device)`.

    Examples
    --------
    >>> model = torch.nn.Linear(64, 10).to(device())
    """
    chosen = _asked_for() or _best()
    if chosen.type != "cpu":
        print(f"training on {_name(chosen)}")
    return chosen


def _asked_for():
    name = os.environ.get("ADAMTUT_DEVICE")
    if not name:
        return None
    try:
        return torch.zeros(1).to(name).device
    except (RuntimeError, AssertionError, ImportError) as error:  # by kind of device
        raise ValueError(
            f"ADAMTUT_DEVICE must name a device of this machine, as cpu, cuda or cuda:1, "
            f"got {name!r}; unset it to have one chosen"
        ) from error


def _best():
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _name(device):
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "Apple's GPU (MPS)" if device.type == "mps" else str(device)


def batches(
    inputs: torch.Tensor, targets: torch.Tensor, *, size: int, steps: int, seed: int = 0
) -> Iterator[Batch]:
    """One batch for each step, drawn with replacement; a seed draws the same on every device.

    Parameters
    ----------
    inputs, targets
        Examples along the first axis, as many of the one as of the other; tensors.
    size
        Examples in a batch, 1 or more.
    steps
        How many batches.
    seed
        Of the random generator, which is NumPy's.

    Raises
    ------
    ValueError
        Unequal numbers of inputs and targets, none at all, or a size or steps that are no whole
        number above 0.
    TypeError
        Arrays that are no tensors.

    Examples
    --------
    >>> inputs = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    >>> stream = batches(inputs, torch.tensor([0, 1, 2]), size=4, steps=10)
    >>> x, y = next(stream)
    >>> x.shape, y
    (torch.Size([4, 2]), tensor([2, 1, 1, 0]))
    """
    for name, examples in (("inputs", inputs), ("targets", targets)):
        _check_tensor(name, examples)
        if examples.ndim == 0:
            raise ValueError(f"{name} must have an axis of examples, got {examples}")
    if len(inputs) != len(targets) or len(inputs) == 0:
        found = f"{len(inputs)} and {len(targets)}"
        raise ValueError(f"inputs and targets must be equally many, 1 or more, got {found}")
    check_whole("size", size)
    check_whole("steps", steps)
    rng = np.random.default_rng(seed)
    rows = (torch.from_numpy(rng.integers(len(inputs), size=size)) for _ in range(steps))
    return ((inputs[r.to(inputs.device)], targets[r.to(targets.device)]) for r in rows)


def _check_tensor(name, value):
    if not isinstance(value, torch.Tensor):
        hint = ": pass torch.from_numpy of it" if isinstance(value, np.ndarray) else ""
        raise TypeError(f"{name} must be a torch tensor, got {type(value).__name__}{hint}")


def fit(
    model: torch.nn.Module,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Batch],
) -> NDArray:
    """Make one step per batch; return the loss of each batch before its step.

    After five seconds a progress bar appears on a terminal and in a notebook, with tqdm installed.

    Parameters
    ----------
    model
        It stays on its device, and in its mode: `model.train()` is the caller's to say.
    loss
        `loss(model(inputs), targets)` → a tensor of one element, such as
        `torch.nn.functional.cross_entropy`.
    optimizer
        Of `model.parameters()`, from `adamtut.optim` or `torch.optim`. Not `LBFGS`, whose step
        calls the loss again by itself.
    batches
        Pairs (inputs, targets), from `batches` or a `DataLoader`; moved to the model's device.

    Returns
    -------
    ndarray of shape (steps,), float64

    Raises
    ------
    ValueError
        There is no batch, the model has no parameters, or the optimizer has none of them.
    TypeError
        An optimizer that is none, or is LBFGS; batches that are no pairs of tensors.

    Examples
    --------
    >>> from adamtut import optim
    >>> inputs, model = torch.tensor([[0.0], [1.0], [2.0]]), torch.nn.Linear(1, 1)
    >>> optimizer = optim.Adam(model.parameters(), lr=0.1)
    >>> stream = batches(inputs, 1 + 2 * inputs, size=3, steps=300)
    >>> losses = fit(model, torch.nn.functional.mse_loss, optimizer, stream)
    >>> losses.shape, bool(losses[-1] < 0.01)
    ((300,), True)
    """
    first = next(model.parameters(), None)
    if first is None:
        raise ValueError("the model has no parameters to fit")
    _check_optimizer(optimizer, model)
    where = first.device
    losses = []
    for batch in late_bar(batches, total=_count(batches), unit="step", leave=False):
        inputs, targets = _pair(batch)
        optimizer.zero_grad()
        value = loss(model(inputs.to(where)), targets.to(where))
        value.backward()
        optimizer.step()
        # A number only at the end: a GPU need not wait in each step.
        losses.append(value.detach().reshape(()))
    if not losses:
        raise ValueError("there is no batch to fit; an iterator can be walked through only once")
    return torch.stack(losses).cpu().double().numpy()


def _check_optimizer(optimizer, model):
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer must be a torch.optim.Optimizer of model.parameters(), got {optimizer!r}"
        )
    if isinstance(optimizer, torch.optim.LBFGS):
        raise TypeError("LBFGS calls the loss by itself in its step; fit cannot give it one")
    own = {id(p) for p in model.parameters()}
    if not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(
            "the optimizer has none of the model's parameters: make it of this model's, after what "
            "replaces them"
        )


def _pair(batch):
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        kind = type(batch).__name__
        raise TypeError(
            f"a batch must be a pair (inputs, targets), got {kind}; is this one batch? [batch]"
        )
    for name, value in zip(("inputs", "targets"), batch, strict=True):
        if not hasattr(value, "to"):
            _check_tensor(f"{name} of a batch", value)
    return batch


def _count(batches):
    try:
        return len(batches)
    except TypeError:  # an iterator, or a DataLoader of a data set that streams
        return None
