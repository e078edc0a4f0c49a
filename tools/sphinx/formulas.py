"""The formula of each rule in its entry of the API, printed from the rule's own code.

So there is no second copy that could be wrong. `formula(rules.adam)` is LaTeX, one line for each
line of the function, in the letters of book/notation.md: a state has the index t - 1 until the line
that makes it new, and `d` is the direction. A name that has no letter gives way to its expression.
What the printer does not know it refuses with the line.
"""

import ast
import inspect
import textwrap

# Name in a rule → its letter. The states and what is computed get the index of their step.
LETTERS = {
    "alpha": r"\mathrm{alpha}",  # of AddSign; the letter is the learning rate's
    "base": r"\mathrm{base}",
    "beta": r"\beta",
    "beta1": r"\beta_1",
    "beta2": r"\beta_2",
    "eps": r"\epsilon",
    "momentum_decay": r"\psi",
    "rho": r"\rho",
    "t": "t",
}
STEPPED = {
    "d": "d",
    "g": "g",
    "m": "m",
    "m_hat": r"\hat m",
    "mu": r"\mu",
    "product": "P",
    "r": "r",
    "rho": r"\rho",
    "s": "s",
    "u": "u",
    "v": "v",
    "v_hat": r"\hat v",
    "v_max": r"v^{\max}",
}
# These have an index of their own, or none.
INDEXED = {"mu_next": r"\mu_{t+1}", "rho_inf": r"\rho_\infty"}

CASES, COMPARISON, SUM, PRODUCT, POWER, ATOM = range(6)
SIGNS = {ast.Gt: ">", ast.Lt: "<", ast.GtE: r"\ge", ast.LtE: r"\le"}


def formula(function) -> str:
    """The lines of a rule as LaTeX, from the start of its state to its direction."""
    return Printer(function).latex()


class Printer:
    """Prints one rule; it remembers which names have their value of step t already."""

    def __init__(self, function):
        source = textwrap.dedent(inspect.getsource(function))
        (self.tree,) = ast.parse(source).body
        self.source = source.splitlines()
        parameters = list(inspect.signature(function).parameters.values())
        self.state = {p.name: p.default for p in parameters[2:] if p.kind is not p.KEYWORD_ONLY}
        self.settings = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
        self.primes = {}  # name → how often it got a value in this step
        self.inlined = {}  # name without a letter → how tightly its expression binds, and its text

    def refuse(self, node, why="teach tools/sphinx/formulas.py to print it"):
        line = self.source[node.lineno - 1].strip()
        raise ValueError(f"the rule {self.tree.name} has a line without a formula, {line}: {why}")

    def latex(self) -> str:
        start = [f"{STEPPED[name]}_0 = {number(value)}" for name, value in self.state.items()]
        start = [",\\quad ".join(start).replace(" =", " &=", 1)] if start else []
        lines = start + [line for node in self.tree.body for line in self.lines(node)]
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def lines(self, node):
        match node:
            case ast.Expr(ast.Constant(str())):
                return []
            case ast.Assign([ast.Tuple()], ast.Name("betas")):
                return []
            case ast.Assign([ast.Name(name)], value) if name in STEPPED or name in INDEXED:
                text = self.text(value)
                self.primes[name] = self.primes.get(name, -1) + 1
                return [f"{self.name(node, name)} &= {text}"]
            case ast.Assign([ast.Name(name)], value):
                self.inlined[name] = self.bare(value)
                return []
            case ast.Return(ast.Tuple([direction, *states])):
                if [getattr(state, "id", None) for state in states] != list(self.state):
                    self.refuse(node, f"return the direction and then {', '.join(self.state)}")
                if isinstance(direction, ast.Name) and direction.id == "d":
                    return []
                return [f"d_t &= {self.text(direction)}"]
        return self.refuse(node)

    def text(self, node, at_least=CASES):
        """The LaTeX of an expression, in parentheses if it binds less than `at_least`."""
        level, text = self.bare(node)
        return text if level >= at_least else f"({text})"

    def bare(self, node):
        match node:
            case ast.Constant(int() | float() as value):
                return ATOM, number(value)
            case ast.Name(name) if name in self.inlined:
                return self.inlined[name]
            case ast.Name(name):
                return ATOM, self.name(node, name)
            case ast.BinOp(x, ast.Add(), y):
                return SUM, f"{self.text(x, SUM)} + {self.text(y, SUM)}"
            case ast.BinOp(x, ast.Sub(), y):
                return SUM, f"{self.text(x, SUM)} - {self.text(y, PRODUCT)}"
            case ast.BinOp(x, ast.Mult(), y):
                left, right = self.text(x, PRODUCT), self.text(y, PRODUCT)
                between = r" \cdot " if right[0].isdigit() else r" \, "
                return PRODUCT, left + between + right
            case ast.BinOp(x, ast.Div(), y):
                return PRODUCT, rf"\frac{{{self.text(x)}}}{{{self.text(y)}}}"
            case ast.BinOp(x, ast.Pow(), y):
                return POWER, f"{self.text(x, ATOM)}^{{{self.text(y)}}}"
            case ast.Compare(x, [sign], [y]) if type(sign) in SIGNS:
                return COMPARISON, f"{self.text(x, SUM)} {SIGNS[type(sign)]} {self.text(y, SUM)}"
            case ast.IfExp(test, x, y) | ast.Call(ast.Name("where"), [test, x, y]):
                return CASES, self.cases(test, x, y)
            case ast.Call(ast.Name("sqrt"), [x]):
                return ATOM, rf"\sqrt{{{self.text(x)}}}"
            case ast.Call(ast.Name("abs"), [x]):
                return ATOM, rf"|{self.text(x)}|"
            case ast.Call(ast.Name("sign" | "maximum" | "decay" as name), arguments):
                name = {"sign": r"\operatorname{sign}", "maximum": r"\max", "decay": "f"}[name]
                # A function binds its parentheses; as the base of a power it stands in more.
                return POWER, f"{name}({', '.join(map(self.text, arguments))})"
        return self.refuse(node)

    def cases(self, test, x, y):
        condition = rf"\text{{{test.id}}}" if self.is_setting(test) else self.text(test)
        lines = [rf"{self.text(x)} & \text{{if }} {condition}", rf"{self.text(y)} & \text{{else}}"]
        # A fraction here is small, unless one asks.
        text = r" \\ ".join(lines).replace(r"\frac", r"\dfrac")
        return rf"\begin{{cases}} {text} \end{{cases}}"

    def is_setting(self, node):
        return isinstance(node, ast.Name) and node.id in self.settings and node.id not in LETTERS

    def name(self, node, name):
        prime = "'" * self.primes.get(name, 0)
        if name in INDEXED:
            letter, index = INDEXED[name].split("_")
            return f"{letter}{prime}_{index}"
        if name in STEPPED and name not in self.settings:
            before = name in self.state and name not in self.primes
            return f"{STEPPED[name]}{prime}_{'{t-1}' if before else 't'}"
        if name in LETTERS:
            return LETTERS[name]
        return self.refuse(node, f"give {name} a letter in tools/sphinx/formulas.py")


def number(value: float) -> str:
    digits, _, power = f"{value:g}".partition("e")
    if not power:
        return digits
    return ("" if digits == "1" else rf"{digits} \cdot ") + f"10^{{{int(power)}}}"
