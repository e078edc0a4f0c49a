"""adamtut/_notebook.py: a failed check says what it found and lets the rest run."""

import ast
from types import SimpleNamespace

import IPython
import numpy as np
import pytest
import torch

from adamtut import _notebook


class Shell(SimpleNamespace):
    """As much of IPython as a cell needs."""

    def run(self, source):
        self.execution_count += 1
        tree = ast.parse(source)
        for transformer in self.ast_transformers:
            tree = ast.fix_missing_locations(transformer.visit(tree))
        exec(compile(tree, "cell", "exec"), self.user_ns)


@pytest.fixture
def shell(monkeypatch):
    made = Shell(ast_transformers=[], user_ns={"np": np, "torch": torch}, execution_count=0)
    monkeypatch.setattr(IPython, "get_ipython", lambda: made)
    _notebook.soften_checks()
    return made


@pytest.mark.parametrize(
    ("check", "here"),
    [
        ("x == 4", ["x  is  3"]),
        ("1 < x < 2", ["x  is  3"]),
        ("x > 4 and x > 5", ["x  is  3"]),
        ("not x == 3", ["x  is  3"]),
        ("abs(x - 1) < 1", ["abs(x - 1)  is  2"]),
        ("np.allclose(a, 0)", ["a  is  [1.0, 2.0]"]),
        ("(a < 2).all()", ["a  is  [1.0, 2.0]"]),
        ("np.all(a < b)", ["a  is  [1.0, 2.0]", "b  is  [0.0, 1.0]"]),
        ("np.isclose(*pair)", ["pair  is  (1, 2)"]),
        ("torch.equal(t, 2 * t)", ["t  is  [1.0, 1.0]", "2 * t  is  [2.0, 2.0]"]),
        ("all((n < x for n in a + 2))", []),
        ("None", []),
    ],
)
def test_a_failed_check_says_what_is_expected_and_what_is_here(shell, capsys, check, here):
    shell.run("x, a, b, t = 3, np.array([1.0, 2.0]), np.array([0.0, 1.0]), torch.ones(2)")
    shell.run("pair = 1, 2")
    shell.run(f"assert {check}\nafter = True")
    assert shell.user_ns["after"]
    expected, *found = capsys.readouterr().err.splitlines()
    assert expected == f"✗ The book expects  {check}"
    assert found == [f"  Here  {part}" for part in here]


def test_a_check_that_holds_says_nothing(shell, capsys):
    shell.run("assert 1 + 1 == 2\nnp.testing.assert_allclose(1, 1)")
    assert capsys.readouterr() == ("", "")


def test_a_comparison_of_numpy_goes_on_too(shell, capsys):
    shell.run("a = np.ones(2)\nnp.testing.assert_allclose(a, 2)\nafter = True")
    assert shell.user_ns["after"]
    assert capsys.readouterr().err.splitlines() == [
        "✗ The book expects  np.testing.assert_allclose(a, 2)",
        "  Here  a  is  [1.0, 1.0]",
    ]


def test_a_check_in_a_loop_speaks_once_each_time_its_cell_runs(shell, capsys):
    for _ in range(2):
        shell.run("for x in range(5):\n    if x:\n        assert x < 1")
        assert capsys.readouterr().err.count("✗") == 1


def test_an_assertion_in_a_function_still_stops(shell):
    shell.run("def f(x):\n    assert x > 0\n\nclass C:\n    def g(self):\n        assert False")
    for call in ("f(0)", "C().g()", "y = f(0)"):
        with pytest.raises(AssertionError):
            shell.run(call)


@pytest.mark.parametrize("source", ["assert x.y == 1", "assert 1 / 0", "raise AssertionError"])
def test_another_error_stops_the_cell(shell, source):
    with pytest.raises((NameError, ZeroDivisionError, AssertionError)):
        shell.run(source)


def test_a_large_value_is_cut_short(shell, capsys):
    shell.run("a = np.ones((1000, 1000))\nassert (a > 1).all()")
    assert max(map(len, capsys.readouterr().err.splitlines())) < 300


def test_setting_up_twice_is_the_same_as_once(shell, capsys):
    _notebook.soften_checks()
    assert len(shell.ast_transformers) == 1
    shell.run("x = 1\nassert x == 2")
    assert capsys.readouterr().err.count("✗") == 1


# Explorables.


def test_an_explorable_is_the_page_beside_the_notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "explore").mkdir()
    (tmp_path / "explore" / "ball.html").touch()
    frame = _notebook.explorable("ball.html?rule=adam&t=4", 500, "https://ada.github.io/explore")
    assert (frame.src, frame.height) == ("explore/ball.html?rule=adam&t=4", 500)


def test_an_explorable_alone_comes_from_the_online_book(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = _notebook.explorable("ball.html?rule=adam", 500, "https://ada.github.io/explore")
    assert frame.src == "https://ada.github.io/explore/ball.html?rule=adam"
    words = _notebook.explorable("ball.html?rule=adam", 500).data
    assert "the file `explore/ball.html`" in words and "Put the folder `explore` beside" in words
