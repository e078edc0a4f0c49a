"""Two processes on the loopback address: DistributedDataParallel and ZeroRedundancyOptimizer."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

from adamtut import optim

RANKS = 2
STEPS = 20
EXACT = 1e-12
PATIENCE = timedelta(seconds=60)


def make_model():
    """Four parameters, and one that is 0-d."""

    class Model(torch.nn.Sequential):
        def __init__(self):
            super().__init__(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
            self.scale = torch.nn.Parameter(torch.tensor(1.0))

        def forward(self, x):
            return self.scale * super().forward(x)

    torch.manual_seed(0)
    return Model().double()


def make_groups(model):
    return [
        {"params": list(model[0].parameters()), "weight_decay": 0.1},
        {"params": [*model[2].parameters(), model.scale], "eps": 1e-3},
    ]


def batch(t):
    generator = torch.Generator().manual_seed(t)
    return torch.randn(8, 5, dtype=torch.float64, generator=generator)


def train(model, optimizer, ranks, rank):
    """Each rank sees its rows of every batch. ZeRO knows no betas, hence not OneCycleLR."""
    schedule = CosineAnnealingWarmRestarts(optimizer, T_0=7)
    for t in range(STEPS):
        rows = batch(t)[rank::ranks]
        optimizer.zero_grad()
        (model(rows[:, :4]).squeeze() - rows[:, 4]).square().mean().backward()
        optimizer.step()
        schedule.step()


def alone(ranks=1):
    """Training in one process: with all rows, or with those that the first of `ranks` would see."""
    model = make_model()
    optimizer = optim.Adam(make_groups(model), lr=0.01)
    train(model, optimizer, ranks, 0)
    return model, optimizer


def work_data_parallel(rank):
    model = make_model()
    parallel = DistributedDataParallel(model)
    optimizer = optim.Adam(make_groups(model), lr=0.01)
    train(parallel, optimizer, RANKS, rank)
    return {"model": model.state_dict(), "state": optimizer.state_dict()}


def work_zero(rank):
    # Here, because the import warns, which in the process of the tests is an error.
    from torch.distributed.optim import ZeroRedundancyOptimizer

    model = make_model()
    parallel = DistributedDataParallel(model)
    optimizer = ZeroRedundancyOptimizer(make_groups(model), optimizer_class=optim.Adam, lr=0.01)
    train(parallel, optimizer, RANKS, rank)
    names = {p: name for name, p in model.named_parameters()}
    held = [names[p] for p in optimizer.optim.state]
    optimizer.consolidate_state_dict(to=0)
    state = optimizer.state_dict() if rank == 0 else None
    return {"model": model.state_dict(), "state": state, "held": held}


def start(work, folder):
    """What `work` returns on each rank, from a process each, none of which outlives the call."""
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    loopback = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
    environment = os.environ | {"GLOO_SOCKET_IFNAME": loopback, "OMP_NUM_THREADS": "1"}
    with ExitStack() as stack:
        processes = []
        for rank in range(RANKS):
            command = [
                sys.executable,
                __file__,
                work.__name__,
                str(rank),
                str(store.port),
                str(folder),
            ]
            process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
            processes.append(stack.enter_context(process))
            stack.callback(process.kill)
        complaints = [p.communicate(timeout=2 * PATIENCE.total_seconds())[1] for p in processes]
    assert not any(p.returncode for p in processes), "\n".join(complaints)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(RANKS)]


def main(name, rank, port, folder):
    store = dist.TCPStore("127.0.0.1", int(port), is_master=False, timeout=PATIENCE)
    dist.init_process_group("gloo", store=store, rank=int(rank), world_size=RANKS, timeout=PATIENCE)
    torch.save(globals()[name](int(rank)), Path(folder) / f"{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=EXACT, msg=name)


def go_on(state_dict):
    """Three steps more, from the trained model, in one process with another optimizer."""
    model, _ = alone()
    optimizer = optim.Adam(make_groups(model), lr=0.01)
    optimizer.load_state_dict(state_dict)
    for t in range(STEPS, STEPS + 3):
        optimizer.zero_grad()
        model(batch(t)[:, :4]).square().mean().backward()
        optimizer.step()
    return model.state_dict()


@pytest.mark.slow
def test_data_parallel_gives_the_result_of_one_process(tmp_path):
    model, optimizer = alone()
    for found in start(work_data_parallel, tmp_path):
        assert_same(found["model"], model.state_dict())
        assert_same(go_on(found["state"]), go_on(optimizer.state_dict()))


@pytest.mark.slow
def test_zero_redundancy_gives_the_result_of_one_process_from_parts_of_the_state(tmp_path):
    model, optimizer = alone()
    first, second = start(work_zero, tmp_path)
    assert_same(first["model"], model.state_dict())
    assert_same(second["model"], model.state_dict())

    held = [set(found["held"]) for found in (first, second)]
    assert all(held) and not held[0] & held[1]
    assert held[0] | held[1] == {name for name, _ in model.named_parameters()}

    assert_same(go_on(first["state"]), go_on(optimizer.state_dict()))


@pytest.mark.slow
def test_half_of_the_rows_or_of_the_state_would_be_seen():
    """The tests above can fail."""
    model, optimizer = alone()
    other, _ = alone(RANKS)
    with pytest.raises(AssertionError):
        assert_same(other.state_dict(), model.state_dict())
    part = optimizer.state_dict()
    part["state"] = {i: state for i, state in part["state"].items() if i % 2}
    with pytest.raises(AssertionError):
        assert_same(go_on(part), go_on(optimizer.state_dict()))


@pytest.mark.slow
def test_when_one_process_fails_so_do_all_and_the_reason_is_told(tmp_path):
    with pytest.raises(AssertionError, match="rank 1 breaks"):
        start(work_that_breaks, tmp_path)
    assert not list(tmp_path.iterdir())


def work_that_breaks(rank):
    if rank == 1:
        raise RuntimeError("rank 1 breaks")
    dist.barrier()


if __name__ == "__main__":
    main(*sys.argv[1:])
