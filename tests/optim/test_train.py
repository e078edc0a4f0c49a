"""The device, the batches and the loop for networks, and the chapter that trains with them."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, mse_loss
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from adamtut import optim, train
from tools.book import ROOT

CHAPTER = ROOT / "book" / "05_adam_in_practice.ipynb"


# The device.


@pytest.fixture
def machine(monkeypatch):
    """Says which accelerators there are; this machine may have some."""

    def has(*kinds, named=None):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in kinds)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"NVIDIA of {device}")
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in kinds)
        monkeypatch.delenv("ADAMTUT_DEVICE", raising=False)
        if named is not None:
            monkeypatch.setenv("ADAMTUT_DEVICE", named)

    return has


@pytest.mark.parametrize(
    ("kinds", "expected", "said"),
    [
        ([], "cpu", ""),
        (["cuda"], "cuda", "training on NVIDIA of cuda\n"),
        (["mps"], "mps", "training on Apple's GPU (MPS)\n"),
        (["mps", "cuda"], "cuda", "training on NVIDIA of cuda\n"),
    ],
)
def test_the_best_device_is_chosen_and_no_cpu_is_announced(machine, capsys, kinds, expected, said):
    machine(*kinds)
    assert train.device() == torch.device(expected)
    assert capsys.readouterr() == (said, "")


@pytest.mark.parametrize(
    ("named", "expected", "said"),
    [
        ("cpu", "cpu", ""),
        ("", "cuda", "training on NVIDIA of cuda\n"),
        ("meta", "meta", "training on meta\n"),
    ],
)
def test_the_environment_can_name_the_device(machine, capsys, named, expected, said):
    machine("cuda", named=named)
    assert train.device() == torch.device(expected)
    assert capsys.readouterr() == (said, "")


@pytest.mark.parametrize("named", ["gpu", "cpu:x", "cuda:99", "hpu"])
def test_a_device_that_is_not_there_is_refused_by_name(machine, named):
    machine(named=named)
    with pytest.raises(ValueError, match=f"ADAMTUT_DEVICE must name a device .*, got '{named}'; "):
        train.device()


def test_without_pytorch_the_extra_is_named():
    code = "import sys; sys.modules['torch'] = None; from adamtut import train"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    expected = "ImportError: adamtut.train needs PyTorch: install adamtut with its 'torch' extra"
    assert done.stderr.splitlines()[-1] == expected


# Batches.


def numbered(n=10):
    """Examples that know their number, so that pairs can be recognised."""
    return torch.arange(2.0 * n).reshape(n, 2), torch.arange(n)


def test_a_batch_holds_pairs_and_every_example_comes():
    inputs, targets = numbered()
    stream = list(train.batches(inputs, targets, size=4, steps=50))
    assert len(stream) == 50
    for x, y in stream:
        assert x.shape == (4, 2) and y.shape == (4,)
        assert torch.equal(x, inputs[y])
    assert set(torch.cat([y for _, y in stream]).tolist()) == set(range(10))
    assert any(len(set(y.tolist())) < 4 for _, y in stream), "drawn with replacement"


def drawn(seed, device="cpu"):
    inputs, targets = numbered()
    stream = train.batches(inputs.to(device), targets, size=4, steps=3, seed=seed)
    return torch.cat([y for _, y in stream]).tolist()


def test_the_seed_alone_decides_what_is_drawn():
    state = torch.get_rng_state()
    np.random.seed(0)  # noqa: NPY002
    expected = drawn(3)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    assert drawn(3) == drawn(3, device="meta") == expected
    assert drawn(4) != expected
    torch.set_rng_state(state)
    drawn(3)
    assert torch.equal(torch.get_rng_state(), state)


def test_batches_stay_where_the_examples_are():
    inputs, targets = numbered()
    ((x, y),) = train.batches(inputs.to("meta"), targets, size=4, steps=1)
    assert (x.device.type, y.device.type) == ("meta", "cpu")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"targets": torch.arange(9)}, "inputs and targets must be equally many.* got 10 and 9"),
        ({"inputs": torch.ones(0, 2), "targets": torch.ones(0)}, "1 or more, got 0 and 0"),
        ({"size": 0}, "size must be a whole number of 1 or more, got 0"),
        ({"steps": 0}, "steps must be a whole number of 1 or more, got 0"),
        ({"steps": -3}, "steps must be a whole number of 1 or more, got -3"),
    ],
)
def test_what_makes_no_batches_is_refused_at_once(changes, said):
    inputs, targets = numbered()
    with pytest.raises(ValueError, match=said):
        train.batches(**{"inputs": inputs, "targets": targets, "size": 4, "steps": 1} | changes)


# The loop.


def line(dtype=torch.float64):
    """A model, and batches of what it should learn."""
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 20, dtype=dtype)[:, None]
    stream = train.batches(x, 1 + 2 * x, size=5, steps=30)
    return torch.nn.Linear(1, 1, dtype=dtype), list(stream)


def test_the_loop_is_the_one_that_everybody_writes():
    model, stream = line()
    losses = train.fit(model, mse_loss, torch.optim.Adam(model.parameters(), lr=0.1), stream)
    by_hand, _ = line()
    optimizer, expected = torch.optim.Adam(by_hand.parameters(), lr=0.1), []
    for inputs, targets in stream:
        loss = ((by_hand(inputs) - targets) ** 2).mean()
        expected.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    for ours, theirs in zip(model.parameters(), by_hand.parameters(), strict=True):
        np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=1e-12)
    assert losses[-1] < 0.2 * losses[0]


def test_gradients_from_before_are_forgotten():
    model, stream = line()
    other, _ = line()
    for p in model.parameters():
        p.grad = torch.full_like(p, 1e6)
    for m in (model, other):
        train.fit(m, mse_loss, optim.SGD(m.parameters(), lr=0.1), stream[:1])
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)


def test_a_run_in_two_parts_is_the_run():
    whole, stream = line()
    parts, _ = line()
    expected = train.fit(whole, mse_loss, optim.Adam(whole.parameters()), stream)
    optimizer, later = optim.Adam(parts.parameters()), iter(stream[12:])
    first = train.fit(parts, mse_loss, optimizer, stream[:12])
    second = train.fit(parts, mse_loss, optimizer, later)
    assert np.array_equal(np.concatenate([first, second]), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_losses_are_numpy_numbers_of_double_precision(dtype):
    model, stream = line(dtype)
    losses = train.fit(model, mse_loss, optim.Adam(model.parameters()), stream)
    assert losses.shape == (30,) and losses.dtype == np.float64
    assert not isinstance(losses, torch.Tensor)


def test_the_mode_of_the_model_is_the_callers():
    model, stream = line()
    model.eval()
    train.fit(model, mse_loss, optim.Adam(model.parameters()), stream)
    assert not model.training


def test_a_data_loader_gives_batches_too():
    model, _ = line(torch.float32)
    x = torch.linspace(-1, 1, 20)[:, None]
    data = torch.utils.data.TensorDataset(x, 1 + 2 * x)
    loader = torch.utils.data.DataLoader(data, batch_size=8)
    assert train.fit(model, mse_loss, optim.Adam(model.parameters()), loader).shape == (3,)


def test_no_batch_at_all_is_refused():
    model, stream = line()
    used_up = iter(stream)
    train.fit(model, mse_loss, optim.Adam(model.parameters()), used_up)
    with pytest.raises(ValueError, match="no batch to fit; an iterator can be walked through only"):
        train.fit(model, mse_loss, optim.Adam(model.parameters()), used_up)


class Streamed(torch.utils.data.IterableDataset):
    """Its DataLoader has a length by its class, and none when asked."""

    def __iter__(self):
        _, stream = line()
        return ((x, y) for batch in stream for x, y in zip(*batch, strict=True))


def test_the_progress_bar_knows_how_many_steps_there_are(monkeypatch):
    asked = []
    monkeypatch.setattr(train, "late_bar", lambda items, **o: asked.append(o["total"]) or items)
    model, stream = line()
    for batches in (stream, iter(stream), torch.utils.data.DataLoader(Streamed())):
        train.fit(model, mse_loss, optim.Adam(model.parameters()), batches)
    assert asked == [30, None, None]


def test_a_model_without_parameters_is_refused():
    model, stream = line()
    optimizer = optim.Adam(model.parameters())
    with pytest.raises(ValueError, match="the model has no parameters to fit"):
        train.fit(torch.nn.Tanh(), mse_loss, optimizer, stream)


def test_a_loss_of_one_element_may_have_an_axis():
    model, stream = line()

    def with_axis(outputs, targets):
        return mse_loss(outputs, targets).reshape(1)

    losses = train.fit(model, with_axis, optim.Adam(model.parameters()), stream)
    assert losses.shape == (30,)


# A GPU that is none.


class StandIn(TorchDispatchMode):
    """Makes a GPU of "meta", whose tensors have no numbers: what comes back from it are ones.

    As on a GPU, a tensor of the CPU may meet one of the device only if it is a single number, or
    in a copy.
    """

    COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        if function is torch.ops.aten._local_scalar_dense.default and tensors[0].is_meta:
            return torch.ones((), dtype=tensors[0].dtype).item()
        if function in self.COPIES and tensors[-1].is_meta:
            target = kwargs.get("device") or tensors[0].device
            ones = torch.ones(tensors[-1].shape, dtype=tensors[-1].dtype)
            args = (*args[: len(tensors) - 1], ones) if target.type == "cpu" else args
        elif function not in self.COPIES and len({x.device for x in tensors if x.ndim}) > 1:
            where = [str(x.device) for x in tensors]
            raise RuntimeError(f"{function} was given tensors of {where}")
        return function(*args, **kwargs)


def section_cells():
    """The cells of the chapter that make and train a network, shorter, and its imports."""
    cells = json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (first,) = [n for n, source in enumerate(code) if "train.device()" in source]
    (last,) = [n for n, source in enumerate(code) if "went_on = {}" in source]
    training = "\n".join(code[first + 1 : last + 1])
    for long, short in (("range(10)", "range(2)"), ("steps=430", "steps=7"), ("400", "4")):
        assert long in training
        training = training.replace(long, short)
    imports = code[0].replace("plot.use_style()", "")  # which would change other tests' figures
    return [imports, code[first], training]


def run_on_stand_in(cells, monkeypatch):
    monkeypatch.setattr(train, "device", lambda: torch.device("meta"))
    threads, names = torch.get_num_threads(), {}
    try:
        with StandIn():
            for source in cells:
                exec(source, names)
    finally:
        torch.set_num_threads(threads)
    return names


def test_the_chapter_trains_on_the_device_and_nowhere_else(monkeypatch):
    names = run_on_stand_in(section_cells(), monkeypatch)
    assert {p.device.type for p in names["model"].parameters()} == {"meta"}
    states = names["optimizer"].state.values()
    assert {x.device.type for s in states for x in s.values() if x.ndim} == {"meta"}
    assert len(names["went_on"]["parameters alone"]) == 2


@pytest.mark.parametrize(
    "moved", [".to(device)", "dtype=torch.float32, device=device", "targets, device=device"]
)
def test_a_part_that_stays_behind_is_noticed(moved, monkeypatch):
    cells = section_cells()
    assert moved in cells[1]
    behind = moved.replace(", device=device", "").replace(".to(device)", "")
    cells[1] = cells[1].replace(moved, behind)
    with pytest.raises(RuntimeError, match="tensors of"):
        run_on_stand_in(cells, monkeypatch)


def test_batches_of_the_cpu_are_moved_to_the_model():
    inputs, labels = numbered()
    model = torch.nn.Linear(2, 10, device="meta")
    optimizer = optim.Adam(model.parameters())
    with StandIn():
        stream = train.batches(inputs, labels, size=4, steps=3)
        assert train.fit(model, cross_entropy, optimizer, stream).tolist() == [1.0] * 3
        with pytest.raises(RuntimeError, match="tensors of"):
            model(inputs)
