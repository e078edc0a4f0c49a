"""How long a step of Adam takes: our engines beside PyTorch's, NumPy and a loop that only copies.

    python benchmarks/optimizer_step.py --help

prints how many times as fast as PyTorch's fused Adam each is in one run, and writes the times to
`optimizer_step.json`. Run it on a machine that does nothing else.
"""

import argparse
import ctypes
import datetime
import gc
import itertools
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from adamtut import optim, rules
from adamtut.experiments import runner
from adamtut.optim import native
from adamtut.progress import bar

SIZES = [10, 1_000, 10_000, 100_000, 1_000_000, 10_000_000]
MANY, TINY = (200, 2_500), (200, 1)  # tensors, elements in each
CLASSES = ["Adam", "AdamW", "SGD", "Adagrad", "RMSprop", "Adadelta", "Adamax", "NAdam", "RAdam"]
ROUNDS, WARM_UP, LR = 20, 5, 1e-3
# Tensors, elements in each → how many times as fast as PyTorch's fused Adam a compiled rule should
# be, with gradients that stay where they are and with new ones.
WANTED = {
    (1, 10): (5.0, 2.5),
    (1, 1_000): (5.0, 2.5),
    (1, 10_000): (4.0, None),
    (1, 100_000): (2.2, None),
    (1, 1_000_000): (1.3, None),
    (1, 10_000_000): (1.0, None),
    MANY: (2.5, 1.8),
    TINY: (5.0, 2.5),
}

FUSED, FOREACH, LOOP = "torch fused", "torch foreach", "torch for-loop"
EAGER, COMPILED = "adamtut eager", "adamtut compiled"
# Training makes new gradient tensors for each step, and an engine that remembers addresses has to
# look again. These get two sets of them in turn.
FUSED_TURNS, COMPILED_TURNS = f"{FUSED}, new gradients", f"{COMPILED}, new gradients"
NUMPY, COPY = "NumPy", "copy"
SETTING = ("class", "threads", "tensors", "size")

# Reads g, x, m, v and writes x, m, v: the 28 bytes that Adam moves for each float32 parameter. It
# is C, called once for all tensors, because PyTorch's operators would cost more than the copying
# where tensors are small. It reads all four before it writes, since a read behind a write to an
# address of the same low bits waits for it. Threads share all elements, laid end to end, in one
# region, from PyTorch's own grain size on; a region a tensor would cost more than small tensors.
COPY_LOOP = """
#include <stdint.h>

typedef struct {
    int64_t tensors, size, threads;
    float **gs, **xs, **ms, **vs;
} task;

static void part(const task *k, int64_t from, int64_t to) {
    for (int64_t j = from / k->size; from < to; j++) {
        int64_t last = (j + 1) * k->size < to ? k->size : to - j * k->size;
        float *restrict g = k->gs[j], *restrict x = k->xs[j];
        float *restrict m = k->ms[j], *restrict v = k->vs[j];
        for (int64_t i = from - j * k->size; i < last; i++) {
            float gi = g[i], xi = x[i], mi = m[i], vi = v[i];
            x[i] = xi + gi;
            m[i] = mi + gi;
            v[i] = vi + gi;
        }
        from = j * k->size + last;
    }
}

int64_t step(const task *k) {
    int64_t total = k->tensors * k->size, many = total < 32768 ? 1 : k->threads;
    if (many == 1) {
        part(k, 0, total);
    } else {
        #pragma omp parallel for num_threads(many)
        for (int64_t i = 0; i < many; i++) part(k, total * i / many, total * (i + 1) / many);
    }
    return 0;
}
"""


class CopyTask(ctypes.Structure):
    """What the copy loop works on."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("tensors", "size", "threads")),
        *((name, ctypes.c_void_p) for name in ("gs", "xs", "ms", "vs")),
    ]


def adam_engines(tensors, size, device="cpu", compiled=True):
    """Engine → its step, and the tensors that the step changes. All read the same gradients."""
    start, gradients = random_tensors(tensors, size, device)
    engines = {
        FUSED: optimizer_engine(torch.optim.Adam, start, gradients, fused=True),
        FOREACH: optimizer_engine(torch.optim.Adam, start, gradients, foreach=True),
        LOOP: optimizer_engine(torch.optim.Adam, start, gradients, foreach=False, fused=False),
        EAGER: optimizer_engine(optim.Adam, start, gradients),
    }
    engines[FUSED_TURNS] = in_turn(torch.optim.Adam, start, gradients, fused=True)
    if compiled:
        engines[COMPILED] = optimizer_engine(optim.Adam, start, gradients, compile=True)
        engines[COMPILED_TURNS] = in_turn(optim.Adam, start, gradients, compile=True)
    if device == "cpu":
        engines[NUMPY] = numpy_engine(start, gradients)
        engines[COPY] = copy_loop(start, gradients)
    else:
        engines[COPY] = copy_kernel(start, gradients)
    return engines


def class_engines(name, tensors, size, device="cpu"):
    """Our class and PyTorch's, both of them tensor by tensor."""
    start, gradients = random_tensors(tensors, size, device)
    return {
        LOOP: optimizer_engine(getattr(torch.optim, name), start, gradients, foreach=False),
        EAGER: optimizer_engine(getattr(optim, name), start, gradients),
    }


def random_tensors(tensors, size, device):
    """Parameters to start from, and gradients."""
    generator = torch.Generator(device).manual_seed(0)
    return [
        [torch.randn(size, generator=generator, device=device) for _ in range(tensors)]
        for _ in range(2)
    ]


def optimizer_engine(make, start, gradients, **how):
    """An optimizer with parameters of its own."""
    xs = [torch.nn.Parameter(x.clone()) for x in start]
    for x, g in zip(xs, gradients, strict=True):
        x.grad = g
    return make(xs, lr=LR, **how).step, xs


def in_turn(make, start, gradients, **how):
    """An optimizer whose gradients are other tensors at each step; setting them is timed too."""
    step, xs = optimizer_engine(make, start, gradients, **how)
    sets = itertools.cycle([gradients, [g.clone() for g in gradients]])

    def step_in_turn():
        for x, g in zip(xs, next(sets), strict=True):
            x.grad = g
        step()

    return step_in_turn, xs


def numpy_engine(start, gradients):
    """The rule on whole arrays, as the chapters use it."""
    xs, gs = [x.numpy().copy() for x in start], [g.numpy() for g in gradients]
    states, steps = [()] * len(xs), itertools.count(1)

    def step():
        t = next(steps)
        for i, g in enumerate(gs):
            d, *states[i] = rules.adam(g, t, *states[i])
            xs[i] = xs[i] - LR * d

    return step, xs


def copy_loop(start, gradients):
    """What Adam moves between memory and processor, without its arithmetic: the limit."""
    xs, ms, vs = ([x.clone() for x in start] for _ in range(3))
    pointers = [
        (ctypes.c_void_p * len(tensors))(*(a.data_ptr() for a in tensors))
        for tensors in (gradients, xs, ms, vs)
    ]
    task = CopyTask(
        len(xs), xs[0].numel(), torch.get_num_threads(), *map(ctypes.addressof, pointers)
    )
    copy, address = native.compiled(COPY_LOOP), ctypes.addressof(task)
    keep = pointers, task

    def step():
        copy(address)
        return keep

    return step, [*xs, *ms, *vs]


def copy_kernel(start, gradients):
    """`copy_loop` for a GPU."""
    xs, ms, vs = ([x.clone() for x in start] for _ in range(3))

    @torch.compile
    def copy():
        for g, x, m, v in zip(gradients, xs, ms, vs, strict=True):
            x.add_(g)
            m.add_(g)
            v.add_(g)

    return copy, [*xs, *ms, *vs]


def measure(threads, sizes, rounds, device, quick):
    """Every setting with this number of threads, one run for each round."""
    torch.set_num_threads(threads)
    gc.disable()  # as timeit does
    runs = []
    adam = [("Adam", threads, *shape) for shape in [*((1, size) for size in sizes), MANY, TINY]]
    others = [(name, threads, *TINY) for name in CLASSES[1:]]
    for name, _, tensors, size in bar([*adam, *others], desc=threads_text(threads), unit="setting"):
        if name == "Adam":
            engines = adam_engines(tensors, size, device, compiled=tensors == 1 or not quick)
        else:
            engines = class_engines(name, tensors, size, device)
        setting = dict(zip(SETTING, (name, threads, tensors, size), strict=True))
        runs += [setting | run for run in timed(engines, rounds, burst(tensors, size), device)]
        gc.collect()
    return runs


def burst(tensors, size):
    """Steps to time together, so that a clock can; a tensor costs as much as 10,000 elements."""
    return max(1, 10**6 // (tensors * (10_000 + size)))


def timed(engines, rounds, steps, device):
    """Seconds of a step of every engine, round by round.

    Each round draws the order of the engines anew, so that none always finds the caches as the
    same other one has left them.
    """
    wait = torch.cuda.synchronize if device != "cpu" else lambda: None
    for step, _ in engines.values():
        for _ in range(WARM_UP):  # allocates the state, and compiles
            step()
    wait()
    for seed in range(rounds):
        seconds = {}
        for name in np.random.default_rng(seed).permutation(list(engines)).tolist():
            step, _ = engines[name]
            before = time.perf_counter()
            for _ in range(steps):
                step()
            wait()
            seconds[name] = (time.perf_counter() - before) / steps
        yield {"seed": seed} | {name: float(f"{seconds[name]:.4g}") for name in engines}


def by_setting(runs):
    """The runs of each setting: they differ in their seed, which is the round."""
    return [
        (dict(zip(SETTING, values, strict=True)), list(group))
        for values, group in itertools.groupby(runs, lambda run: [run[key] for key in SETTING])
    ]


def speed(runs, engine, reference):
    """Quartiles, over the rounds, of how many times as fast as `reference` an engine is."""
    quartiles = np.quantile([run[reference] / run[engine] for run in runs], [0.25, 0.5, 0.75])
    return [float(f"{quartile:.4g}") for quartile in quartiles]


def speeds(runs):
    """Setting by setting, `speed` of every engine against its reference."""
    return [
        setting
        | {
            name: speed(group, name, reference(name, group[0]))
            for name in group[0]
            if name not in (*SETTING, "seed")
        }
        for setting, group in by_setting(runs)
    ]


def reference(engine, run):
    """PyTorch's fused, with new gradients for those that have them; for classes its for-loop."""
    if FUSED not in run:
        return LOOP
    return FUSED_TURNS if engine in (FUSED_TURNS, COMPILED_TURNS) else FUSED


def goals(runs):
    """What was aimed at, by the median of the rounds, and whether it is reached."""
    for setting, group in by_setting(runs):
        for engine, reference, wanted in wanted_speeds(**setting):
            if engine in group[0]:
                _, median, _ = speed(group, engine, reference)
                yield setting | {
                    "engine": engine,
                    "reference": reference,
                    "wanted": wanted,
                    "speed": median,
                    "reached": median >= wanted,
                }


def wanted_speeds(threads, tensors, size, **_):
    """Engine, reference, and how many times as fast it should be at least, on one thread."""
    if threads > 1:
        return []
    small = (tensors, size) == TINY or (tensors == 1 and size <= 10**4)
    reused, new = WANTED.get((tensors, size), (None, None))
    return [
        *([(EAGER, LOOP, 1.0)] if small else []),
        *([(COMPILED, FUSED, reused)] if reused else []),
        *([(COMPILED_TURNS, FUSED_TURNS, new)] if new else []),
    ]


def report(result):
    """The result in ratios, line by line."""
    for threads in result["threads"]:
        rows = [row for row in result["speeds"] if row["threads"] == threads]
        adam = [row for row in rows if row["class"] == "Adam"]
        yield f"{threads_text(threads)}: times as fast as {FUSED}, median ± half the quartile range"
        yield " " * 32 + "".join(f"{shape(row):>13}" for row in adam)
        for name in [name for name in adam[0] if name not in SETTING]:
            cells = [spread(row[name]) if name in row else "-" for row in adam]
            yield f"{name:32}" + "".join(f"{cell:>13}" for cell in cells)
        yield f"{shape(dict(tensors=TINY[0], size=TINY[1]))}, {EAGER}: times as fast as {LOOP}"
        for setting, group in by_setting(result["runs"]):
            if setting["threads"] == threads and (setting["tensors"], setting["size"]) == TINY:
                yield f"{setting['class']:17}{spread(speed(group, EAGER, LOOP)):>13}"
    for goal in result["goals"]:
        yield (
            f"{'reached' if goal['reached'] else 'NOT reached':12} {goal['class']}, "
            f"{threads_text(goal['threads'])}, {shape(goal)}: {goal['engine']} is "
            f"{goal['speed']:.2f} times as fast as {goal['reference']}, wanted {goal['wanted']}"
        )


def threads_text(threads):
    """A number of threads in words."""
    return f"{threads} thread{'s' if threads > 1 else ''}"


def shape(setting):
    """A list of tensors in words."""
    times = f"{setting['tensors']} x " if setting["tensors"] > 1 else ""
    return f"{times}{setting['size']:,}"


def spread(quartiles):
    """Median and half the distance between the quartiles."""
    low, median, high = quartiles
    return f"{median:.2f}±{(high - low) / 2:.2f}"


def main(arguments=None):
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="do not compile lists of 200 tensors")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds ({ROUNDS})")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="threads (1 2)")
    parser.add_argument("--sizes", type=int, nargs="+", help="elements of a single tensor")
    parser.add_argument("--device", default="cpu", help="torch device (cpu)")
    parser.add_argument(
        "--out", type=Path, default=Path("book/results"), help="folder to write to (book/results)"
    )
    options = parser.parse_args(arguments)
    if options.sizes is None:
        options.sizes = SIZES if options.device == "cpu" else [*SIZES, 10**8]
    for name in ("rounds", "threads", "sizes"):
        if (least := np.min(getattr(options, name))) < 1:
            parser.error(f"--{name} must be 1 or more, got {least}")

    # It is read when PyTorch is loaded, so each number of threads has a process of its own.
    runs = []
    for threads in options.threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            args = threads, options.sizes, options.rounds, options.device, options.quick
            runs += process.submit(measure, *args).result()

    result = {
        "experiment": "python benchmarks/optimizer_step.py",
        "data": "steps of Adam, normal parameters and gradients in float32",
        "device": runner._device(options.device),
        "versions": {name: version(name) for name in ("adamtut", "numpy", "torch")},
        "seeds": list(range(options.rounds)),
        "date": datetime.date.today().isoformat(),
        "threads": options.threads,
        "environment": {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "not set")},
        "speeds": speeds(runs),
        "goals": list(goals(runs)),
        "runs": runs,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "optimizer_step.json"
    path.write_text(runner._lines(result), encoding="utf-8")
    print(*report(json.loads(path.read_text(encoding="utf-8"))), sep="\n")


if __name__ == "__main__":
    main()
