"""The doctests and unit tests of adamtut that need no PyTorch, and proof that they ran.

PyTorch is slow to support a new Python; the package itself should work there on the first day.
"""

import importlib.util
import sys

import pytest

# A test file that imports PyTorch, itself or by another one, cannot be here.
TESTS = [
    *("tests/book/test_data.py", "tests/book/test_experiments.py", "tests/book/test_plot.py"),
    *("tests/book/test_progress.py", "tests/book/test_tables.py"),
    *("tests/rules/test_descend.py", "tests/rules/test_problems.py", "tests/rules/test_rules.py"),
    *("tests/rules/test_schedules_jax.py", "tests/rules/test_traits.py"),
    *("tests/rules/test_loop_boundaries.py", "tests/rules/test_problem_boundaries.py"),
    "tests/book/test_figure_boundaries.py",
]
# Modules that import PyTorch; their doctests cannot run.
NEED_TORCH = [
    "adamtut/experiments/amsgrad_cifar.py",
    "adamtut/experiments/snapshots.py",
    "adamtut/experiments/torch_equal.py",
    "adamtut/experiments/zipf_transformer.py",
    "adamtut/optim",
    "adamtut/train.py",
]
# How many pass, less a few: a green run in which everything was skipped shows nothing.
LEAST = 1000


class Passed:
    """A pytest plugin that counts the tests that passed."""

    def __init__(self):
        self.count = 0

    def pytest_runtest_logreport(self, report):
        self.count += report.when == "call" and report.passed


def main() -> None:
    if importlib.util.find_spec("torch"):
        sys.exit(
            "PyTorch is installed in this environment, and test-package shows what works without "
            "it: run it in a fresh clone, or after make clean"
        )
    passed = Passed()
    ignored = [f"--ignore={module}" for module in NEED_TORCH]
    failed = pytest.main(["-q", "-n", "2", "adamtut", *TESTS, *ignored], plugins=[passed])
    if failed:
        sys.exit(failed)
    if passed.count < LEAST:
        sys.exit(f"{passed.count} tests passed, expected at least {LEAST}; see what was skipped")


if __name__ == "__main__":
    main()
