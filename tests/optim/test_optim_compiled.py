"""What the loop in C leaves to inductor: one graph, whatever the numbers do, the eager result."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from graphs import counted
from oracles import streams
from test_optim import CLASSES, OURS
from test_optim_oracles import (
    DECAYS,
    EXACT,
    NAMES,
    SCHEDULERS,
    IgnoresTheRate,
    disagreement,
    no_scheduler,
    one_cycle,
    our_trace,
    torch_trace,
    trace,
    warm_restarts,
)

from adamtut import optim
from adamtut.optim import inductor

FLOAT32 = 1e-6

# Classes without a counterpart in torch, which have eager mode alone to be held to.
OTHERS = {name: (CLASSES[name], {}) for name in OURS} | {
    "SGDW": (optim.SGDW, {"momentum": 0.9}),
    "Yogi, corrected": (optim.Yogi, {"corrected": True}),
}


@pytest.fixture(autouse=True)
def graphs(monkeypatch):
    """A list that grows by each graph that is compiled."""
    return counted(monkeypatch)


def few(steps):
    """Gradients of both precisions; each further shape would cost a second of compilation."""
    hard = streams(steps)
    return {
        "vector": (hard["badly scaled"], 1),
        "0-d": (hard["heavy-tailed"][:, 0], 1),
        "matrix": (hard["sparse"].reshape(steps, 2, 3).astype(np.float32), 1),
    }


def assert_same(found, expected):
    """To rounding, in float64 and in float32."""
    single = {name for name, path in expected.items() if path.dtype == np.float32}
    for names, bound in [(expected.keys() - single, EXACT), (single, FLOAT32)]:
        some = [{name: paths[name] for name in names} for paths in (found, expected)]
        assert disagreement(*some) <= bound


def test_compiled_adam_equals_eager_and_torch_with_one_graph(graphs):
    given = few(50)
    compiled = our_trace("Adam", "decay", one_cycle, 50, given, compile=True)
    assert len(graphs) == 1
    assert_same(compiled, our_trace("Adam", "decay", one_cycle, 50, given))
    assert_same(compiled, torch_trace("Adam", "decay", one_cycle, 50, given))
    # The comparison sees a rate that does not arrive.
    constant = trace(IgnoresTheRate, DECAYS["decay"] | {"compile": True}, one_cycle, 50, given)
    assert len(graphs) == 1
    assert disagreement(constant, compiled) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("decay", [pytest.param("no decay", marks=pytest.mark.thorough), "decay"])
@pytest.mark.parametrize("case", NAMES)
def test_every_class_equals_eager_and_torch_with_one_graph(case, decay, graphs):
    """Over 1,000 steps under OneCycleLR, and 50 under the others."""
    for scheduler in SCHEDULERS:
        steps = 1000 if scheduler is one_cycle else 50
        given = few(steps)
        compiled = our_trace(case, decay, scheduler, steps, given, compile=True)
        # OneCycleLR gives plain SGD a momentum, and with it another rule.
        assert len(graphs) == (2 if (case, scheduler) == ("SGD", one_cycle) else 1)
        assert_same(compiled, our_trace(case, decay, scheduler, steps, given))
        assert_same(compiled, torch_trace(case, decay, scheduler, steps, given))


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_classes_without_a_counterpart_equal_eager_with_one_graph(name, graphs):
    optimizer_class, settings = OTHERS[name]
    settings, given = settings | {"weight_decay": 0.1}, few(50)
    for scheduler in (no_scheduler, warm_restarts):
        compiled = trace(optimizer_class, settings | {"compile": True}, scheduler, 50, given)
        assert len(graphs) == 1
        assert_same(compiled, trace(optimizer_class, settings, scheduler, 50, given))


@pytest.mark.slow
def test_one_graph_whatever_the_numbers_do(graphs):
    given = few(50)
    for lr, betas in [(0.1, (0.9, 0.999)), (1, (0.0, 0.5)), (0.0, (0.5, 0.0))]:
        for eps in (1e-8, 1e-3):
            numbers = {"lr": lr, "betas": betas, "eps": eps}
            compiled = our_trace("Adam", "decay", no_scheduler, 50, given, compile=True, **numbers)
            assert_same(compiled, our_trace("Adam", "decay", no_scheduler, 50, given, **numbers))
    assert len(graphs) == 1


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_rate_may_be_a_tensor(scheduler, graphs):
    given = few(50)
    lr = torch.tensor(0.01, dtype=torch.float64)  # which schedulers change in place
    compiled = our_trace("Adam", "decay", scheduler, 50, given, compile=True, lr=lr)
    assert len(graphs) == 1
    assert_same(compiled, our_trace("Adam", "decay", scheduler, 50, given, lr=0.01))


def step_with(optimizer, tensors, rng):
    """One step with normal gradients in the dtype and strides of each parameter."""
    for p in tensors:
        p.grad = torch.zeros_like(p).copy_(torch.from_numpy(rng.normal(size=tuple(p.shape))))
    optimizer.step()


def every_kind():
    """Half precision, complex, 0-d, empty, channels-last and transposed parameters."""
    rng = np.random.default_rng(0)
    real = torch.from_numpy(rng.normal(size=(2, 3, 2, 2)))
    pairs = torch.view_as_complex(torch.from_numpy(rng.normal(size=(3, 2))))
    starts = {
        "float16": real[0].half(),
        "bfloat16": real[0].bfloat16(),
        "channels-last": real.contiguous(memory_format=torch.channels_last),
        "transposed": real[0, 0].float().T,
        "empty": torch.zeros(0, 2),
        "0-d": torch.tensor(1.0, dtype=torch.float64),
        "0-d bfloat16": torch.tensor(1.0, dtype=torch.bfloat16),
        "complex64": pairs.to(torch.complex64),
        "complex128": pairs,
        "0-d complex": pairs[0],
    }
    return {name: torch.nn.Parameter(start.clone()) for name, start in starts.items()}


def climb(optimizer_class, **settings):
    """Every kind after 20 steps along gradients of one sign, so that nothing can stay in place."""
    tensors, rng = every_kind(), np.random.default_rng(1)
    optimizer = optimizer_class(tensors.values(), lr=0.01, maximize=True, **settings)
    for _ in range(20):
        for p in tensors.values():
            g = torch.from_numpy(np.abs(rng.normal(size=(*p.shape, 2))))
            g = torch.view_as_complex(g) if p.is_complex() else g[..., 0]
            p.grad = torch.zeros_like(p).copy_(g)
        optimizer.step()
    return {name: p.detach() for name, p in tensors.items()}


@pytest.mark.slow
def test_every_kind_of_parameter_in_one_graph(graphs):
    compiled = climb(optim.Adam, compile=True)
    assert len(graphs) == 1
    eager, torchs = climb(optim.Adam), climb(torch.optim.Adam, foreach=False)
    for name, start in every_kind().items():
        ulp = 2 * torch.finfo(start.dtype).eps  # all values lie within ±4
        assert compiled[name].stride() == start.stride()
        assert (compiled[name] != start).all()
        torch.testing.assert_close(compiled[name], eager[name], rtol=0, atol=ulp)
        if start.dtype not in (torch.float16, torch.bfloat16):  # torch's loop is less exact there
            torch.testing.assert_close(compiled[name], torchs[name], rtol=0, atol=ulp)


# Many graphs. Their number has nothing to do with inductor, which takes seconds for each.


@pytest.fixture
def without_inductor(monkeypatch):
    monkeypatch.setattr(inductor, "compile_fx", lambda graph_module, *_, **__: graph_module)


def make_many():
    """Twelve optimizers, three of other classes and nine of one with as many shape lists."""
    lists = [(c, [(2, 3), ()]) for c in (optim.RAdam, optim.NAdam, optim.PowerSign)]
    lists += [(optim.SGD, [(n, 2)] * (1 + n % 2)) for n in range(2, 11)]
    for optimizer_class, shapes in lists:
        yield optimizer_class, [torch.nn.Parameter(torch.ones(shape)) for shape in shapes]


def step_many(copies, compile):
    """Make that many copies of `make_many`, step them all in turn, and return all parameters."""
    alive = [
        (optimizer_class(tensors, lr=0.1, compile=compile), tensors)
        for _ in range(copies)
        for optimizer_class, tensors in make_many()
    ]
    rng = np.random.default_rng(0)
    for _ in range(3):
        for optimizer, tensors in alive:
            step_with(optimizer, tensors, rng)
    return [p.detach().numpy() for _, tensors in alive for p in tensors]


def assert_many_work(copies):
    found, expected = step_many(copies, True), step_many(copies, False)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=FLOAT32 * np.abs(b).max())


@pytest.mark.usefixtures("without_inductor")
def test_optimizers_of_the_same_class_and_shapes_share_a_graph(graphs):
    assert_many_work(copies=2)
    assert len(graphs) == 12


@pytest.mark.slow
def test_many_compiled_optimizers_live_side_by_side(graphs):
    """More than the eight graphs of one function that torch.compile keeps."""
    assert_many_work(copies=1)
    assert len(graphs) == 12


class Forgetful(dict):
    """A faulty store of graphs: it says that it has none."""

    def __contains__(self, key):
        return False


@pytest.mark.usefixtures("without_inductor")
def test_a_graph_per_step_would_be_counted(graphs, monkeypatch):
    monkeypatch.setattr(inductor, "_kernels", Forgetful())
    our_trace("Adam", "decay", one_cycle, 3, few(3), compile=True)
    assert len(graphs) == 3


def compiled_and_eager(scenario):
    """The parameters that a scenario leaves, once with each engine."""
    return [[p.detach().clone() for p in scenario(compile)] for compile in (True, False)]


def late(compile):
    tensors, rng = [torch.nn.Parameter(torch.ones(n)) for n in (3, 4)], np.random.default_rng(0)
    optimizer = optim.Adam(tensors[:1], lr=0.1, compile=compile)
    for _ in range(3):
        step_with(optimizer, tensors[:1], rng)
    optimizer.add_param_group({"params": tensors[1:], "lr": 0.01, "betas": (0.5, 0.9)})
    for _ in range(3):
        step_with(optimizer, tensors, rng)
    return tensors


def thawing(compile):
    tensors, rng = [torch.nn.Parameter(torch.ones(n)) for n in (3, 4)], np.random.default_rng(0)
    optimizer = optim.Adam(tensors, lr=0.1, compile=compile)
    for moving in (tensors, tensors[:1], tensors[1:], tensors[:1], tensors):
        for p in tensors:
            p.grad = None
        for _ in range(3):
            step_with(optimizer, moving, rng)
    return tensors


def moved(compile):
    """A parameter alone, 0-d and float64."""
    p = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
    optimizer = optim.NAdam([p], lr=0.1, compile=compile)
    for _ in range(3):
        p.grad = p.detach().clone()
        optimizer.step()
    assert p < 0.9
    return [p]


def shared(compile):
    """A gradient in the memory of its parameter."""
    p = torch.nn.Parameter(torch.linspace(-1, 1, 100))
    optimizer = optim.Adam([p], lr=0.1, weight_decay=0.1, compile=compile)
    for _ in range(3):
        p.grad = p.detach()
        optimizer.step()
    return [p]


SCENARIOS = [(late, 2), (thawing, 3), (moved, 1), (shared, 1)]


@pytest.mark.parametrize(("scenario", "expected_graphs"), SCENARIOS)
@pytest.mark.usefixtures("without_inductor")
def test_a_graph_for_each_list_of_parameters(scenario, expected_graphs, graphs):
    check_scenario(scenario, expected_graphs, graphs)


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "expected_graphs"), SCENARIOS)
def test_a_graph_for_each_list_of_parameters_and_inductor(scenario, expected_graphs, graphs):
    check_scenario(scenario, expected_graphs, graphs)


def check_scenario(scenario, expected_graphs, graphs):
    compiled, eager = compiled_and_eager(scenario)
    assert len(graphs) == expected_graphs
    for a, b in zip(compiled, eager, strict=True):
        bound = EXACT if a.dtype == torch.float64 else FLOAT32
        torch.testing.assert_close(a, b, rtol=bound, atol=bound)


WITHOUT_COMPILER = textwrap.dedent("""
    import json, warnings
    import torch
    from adamtut import optim

    def run(**settings):
        p = torch.nn.Parameter(torch.ones(3))
        optimizer = optim.Adam([p], lr=0.1, **settings)
        for _ in range(3):
            p.grad = p.detach().clone()
            optimizer.step()
        return p.tolist()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = [run(compile=True), run(compile=True)]
    said = [str(w.message) for w in caught if w.category is RuntimeWarning]
    print(json.dumps([found, [run(), run()], said]))
""")


@pytest.mark.slow
def test_without_a_compiler_it_warns_once_and_runs(tmp_path):
    environment = os.environ | {
        "CC": "/nonexistent",
        "CXX": "/nonexistent",
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_COMPILER],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    found, expected, said = json.loads(done.stdout)
    assert found == expected
    (warning,) = said
    assert "needs a C or C++ compiler" in warning and "CC or CXX" in warning
