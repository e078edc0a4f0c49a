"""A traced rule compiled by the machine's C compiler: one function that steps a list of tensors.

The function knows a rule, a dtype and which switches are on, and no shapes. A call gets one
`Task`: tables of addresses for all tensors of a list. It computes the numbers of each tensor, then
makes one loop over all elements, laid end to end, with several threads where that pays; the
result does not depend on how many. It reads and writes the counters of steps itself.

Shared objects are loaded from a temporary directory of this process alone and never kept: one made
for another processor, or by somebody else, cannot get in.
"""

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
import warnings
from functools import cache
from pathlib import Path

from adamtut.optim.trace import Loop

FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-shared", "-fPIC"]
# The first that the compiler takes: some know no -march=native, some bring no OpenMP.
CHOICES = [["-march=native", "-fopenmp"], ["-fopenmp"], ["-march=native"], []]

# Results of `Task.step`.
DONE, ODD, OVERLAPPING = range(3)


class Task(ctypes.Structure):
    """What a call works on; every field has eight bytes, in the order of the C text."""

    _fields_ = [
        ("tensors", ctypes.c_int64),
        ("places", ctypes.c_void_p),  # for each tensor addresses of x, g and states
        ("sizes", ctypes.c_void_p),  # elements of each tensor
        ("counters", ctypes.c_void_p),  # for each tensor addresses of step and one-number states
        ("wide", ctypes.c_void_p),  # for each of these whether it is a double
        ("settings", ctypes.c_void_p),
        ("rows", ctypes.c_void_p),  # room for the numbers of each tensor
        ("row_of", ctypes.c_void_p),
        ("spans", ctypes.c_int64),  # memory that is written: how many pieces
        ("starts", ctypes.c_void_p),  # where each starts, in order, and where it ends
        ("ends", ctypes.c_void_p),
        ("check", ctypes.c_int64),  # whether gradients are new, and may lie in such a piece
        ("threads", ctypes.c_int64),
        ("grain", ctypes.c_int64),  # elements from which on threads are used
    ]


# Storage → the type it is computed in, and how one is made of the other.
STORAGE = {
    "float32": ("float", "float", "(v)", "(v)"),
    "float64": ("double", "double", "(v)", "(v)"),
    "bfloat16": ("uint16_t", "float", "from_bfloat16(v)", "to_bfloat16(v)"),
    "float16": ("_Float16", "float", "(float)(v)", "(_Float16)(v)"),
}

HEAD = """
#include <stdint.h>
#include <string.h>
#include <tgmath.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __clang__
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

static inline float from_bfloat16(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static inline uint16_t to_bfloat16(float value) {
    uint32_t wide;
    memcpy(&wide, &value, sizeof wide);
    uint16_t rounded = (wide + 0x7fff + (wide >> 16 & 1)) >> 16;
    return value != value ? 0x7fc0 : rounded;
}

/* Arithmetic of Python's numbers; where Python raises, *odd is set. */
static inline double quotient(double a, double b, int *odd) {
    *odd |= b == 0;
    return a / b;
}

static inline double modulo(double a, double b, int *odd) {
    *odd |= b == 0;
    double rest = fmod(a, b);
    if (rest == 0) return copysign(0.0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

static inline double whole_quotient(double a, double b, int *odd) {
    double rest = fmod(a, b);
    *odd |= b == 0;
    double many = (a - rest) / b - (rest != 0 && (rest < 0) != (b < 0));
    if (many == 0) return copysign(0.0, a / b);
    double below = floor(many);
    return many - below > 0.5 ? below + 1 : below;
}

static inline double raised(double a, double b, int *odd) {
    double power = pow(a, b);
    *odd |= (isinf(power) && isfinite(a) && isfinite(b)) || (power != power && a == a && b == b);
    return power;
}

static inline double root(double a, int *odd) {
    *odd |= a < 0;
    return sqrt(a);
}

static inline double wave(double a, int *odd) {
    *odd |= isinf(a);
    return cos(a);
}

static inline double whole(double a, int *odd) {
    *odd |= !isfinite(a);
    return floor(a);
}
"""

BODY = """
typedef {storage} S;
typedef {compute} T;
#define LOAD(v) {load}
#define STORE(v) {store}
enum {{ WIDTH = 2 + {states}, STEPS = {counts}, COUNTERS = {counts} + {counters}, ROW = {row} }};

typedef struct {{
    int64_t tensors;
    char **places;
    int64_t *sizes;
    void **counters;
    int64_t *wide;
    double *settings, *rows;
    int64_t *row_of, spans;
    uintptr_t *starts, *ends;
    int64_t check, threads, grain;
}} task;

/* 1 / a, unless rounding it to T would lose what dividing by a keeps. */
static inline double reciprocal(double a, int *odd) {{
    *odd |= a != 0 && isfinite(a) && !(isnormal((T)a) && isnormal((T)(1 / a)));
    return 1 / a;
}}

static int numbers(const double t, const double *s, const double *c, double *row) {{
    int odd = 0;
    {numbers}
    return odd;
}}

static void loop(char **place, int64_t from, int64_t to, const double *row) {{
    S *x = (S *)place[0], *g = (S *)place[1];
    {pointers}
    {rounding}
    INDEPENDENT
    for (int64_t i = from; i < to; i++) {{
        {elements}
    }}
}}

/* Elements `from` to `to` of all tensors laid end to end. */
static void part(const task *k, int64_t from, int64_t to) {{
    int64_t before = 0;
    for (int64_t j = 0; j < k->tensors && before < to; before += k->sizes[j++]) {{
        int64_t first = from > before ? from - before : 0;
        int64_t last = to - before < k->sizes[j] ? to - before : k->sizes[j];
        if (first < last) loop(k->places + j * WIDTH, first, last, k->rows + k->row_of[j] * ROW);
    }}
}}

/* Whether a gradient lies in memory that is written, other than as its very parameter. */
static int overlaps(const task *k, int64_t j) {{
    uintptr_t start = (uintptr_t)k->places[j * WIDTH + 1];
    uintptr_t end = start + k->sizes[j] * sizeof(S);
    if (start == end || start == (uintptr_t)k->places[j * WIDTH]) return 0;
    int64_t low = 0, high = k->spans;
    while (low < high) {{
        int64_t middle = (low + high) / 2;
        if (k->ends[middle] <= start) low = middle + 1; else high = middle;
    }}
    return low < k->spans && k->starts[low] < end;
}}

static double counted(const task *k, int64_t j, int64_t i) {{
    void *place = k->counters[j * COUNTERS + i];
    return k->wide[j * COUNTERS + i] ? *(double *)place : *(float *)place;
}}

static void count(const task *k, int64_t j, int64_t i, double value) {{
    void *place = k->counters[j * COUNTERS + i];
    if (k->wide[j * COUNTERS + i]) *(double *)place = value; else *(float *)place = value;
}}

int64_t step(const task *k) {{
    int64_t total = 0, rows = 0;
    double now[COUNTERS + 1], before[COUNTERS + 1];
    for (int64_t j = 0; j < k->tensors; j++) {{
        if (k->check && overlaps(k, j)) return {overlapping};
        total += k->sizes[j];
        for (int64_t i = 0; i < COUNTERS; i++) now[i] = counted(k, j, i);
        if (!j || (COUNTERS && memcmp(now, before, COUNTERS * sizeof(double)))) {{
            double t = 1;
            if (STEPS) {{
                if (!(fabs(now[0]) < 0x1p52)) return {odd};
                t = trunc(now[0]) + 1;
            }}
            if (numbers(t, k->settings, now + STEPS, k->rows + rows * ROW)) return {odd};
            rows++;
            memcpy(before, now, sizeof now);
        }}
        k->row_of[j] = rows - 1;
    }}
#ifdef _OPENMP
    if (k->threads > 1 && total >= k->grain) {{
        #pragma omp parallel num_threads(k->threads)
        {{
            int64_t many = omp_get_num_threads(), i = omp_get_thread_num();
            int64_t share = (total / many + 63) / 64 * 64;  /* no cache line in two */
            part(k, i * share, i + 1 < many ? (i + 1) * share : total);
        }}
    }} else
#endif
    part(k, 0, total);
    for (int64_t j = 0; j < k->tensors; j++) {{
        if (STEPS) count(k, j, 0, trunc(counted(k, j, 0)) + 1);
        const double *row = k->rows + k->row_of[j] * ROW + ROW - (COUNTERS - STEPS);
        for (int64_t i = STEPS; i < COUNTERS; i++) count(k, j, i, row[i - STEPS]);
    }}
    return {done};
}}
"""


def text(loop: Loop, dtype: str, counts: bool) -> str:
    """The C text of a traced rule; `counts` says whether tensors count their steps."""
    storage, compute, load, store = STORAGE[dtype]
    return HEAD + BODY.format(
        storage=storage,
        compute=compute,
        load=load,
        store=store,
        counts=int(counts),
        pointers="\n    ".join(f"S *m{k} = (S *)place[{2 + k}];" for k in range(loop.states)),
        done=DONE,
        odd=ODD,
        overlapping=OVERLAPPING,
        **loop._asdict(),
    )


@cache
def compiler() -> list[str] | None:
    """The C compiler: what the environment variable CC says, else one of the usual ones."""
    named = shlex.split(os.environ.get("CC", ""))
    commands = [named] if named else [["cc"], ["gcc"], ["clang"]]
    return next((command for command in commands if shutil.which(command[0])), None)


_lock = threading.Lock()


def compiled(source: str):
    """Compile and load C text; returns its `step`, or None, with a warning, where that fails."""
    command = compiler()
    if command is None:
        return None
    with _lock, tempfile.TemporaryDirectory(prefix="adamtut-") as folder:
        place = Path(folder)
        (place / "step.c").write_text(source, encoding="utf-8")
        for choice in _choices():
            done = subprocess.run(
                [*command, *FLAGS, *choice, "step.c", "-o", "step.so", "-lm"],
                cwd=place,
                capture_output=True,
                text=True,
                errors="replace",
            )
            if done.returncode == 0:
                _choices()[:] = [choice]
                step = ctypes.CDLL(str(place / "step.so")).step
                step.argtypes, step.restype = [ctypes.c_void_p], ctypes.c_int64
                return step
    warnings.warn(
        f"compile=True could not compile a rule with {shlex.join(command)}, and goes on without: "
        f"{done.stderr.strip()[-500:]}",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


@cache
def _choices():
    return list(CHOICES)
