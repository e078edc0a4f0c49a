"""Tables of numbers: Markdown with formulas where a notebook shows them, aligned text elsewhere."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real

MISSING = "–"
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def table(columns: Mapping[str, Iterable], formats: str | Mapping[str, str] = "") -> "Table":
    r"""Make a table from its columns, to be the last value of a cell.

    A notebook shows it with its formulas, numbers stand point below point; as text it is aligned
    too.

    Parameters
    ----------
    columns
        Head → numbers or strings, which may hold ``$formulas$``. None and NaN are shown as a dash.
    formats
        A format for all columns of fractions, such as ``".2f"``, or one for each head. Whole
        numbers need none.

    Raises
    ------
    ValueError, TypeError
        Columns that are not equally long, a format for no column, a format that is none, fractions
        without a format, a string or a single number for a column.

    Examples
    --------
    >>> table({r"$\beta$": [0.9, 0.99], "steps": [66, 688], "error": [1e-8, None]},
    ...       {r"$\beta$": "g", "error": ".0e"})
    $\beta$  steps  error
       0.9      66  1e-08
       0.99    688      –
    """
    if not isinstance(columns, Mapping):
        raise TypeError(f"columns must be a dict, head → cells, got {type(columns).__name__}")
    for head, column in columns.items():
        if not isinstance(head, str):
            raise TypeError(f"a head must be a string, got {head!r}")
        if isinstance(column, str) or not isinstance(column, Iterable):
            raise TypeError(f"column {head!r} must be a list of cells, got {column!r}")
    values = {head: list(column) for head, column in columns.items()}
    if len({len(column) for column in values.values()}) != 1:
        lengths = {head: len(column) for head, column in values.items()}
        raise ValueError(f"expected columns of one length, got {lengths or 'no column'}")
    if isinstance(formats, str):
        given = {head: formats for head in values if not _is_whole(values[head])}
    else:
        given = dict(formats)
    if unknown := [head for head in given if head not in values]:
        raise ValueError(f"formats for {unknown}, which are no columns; those are {list(values)}")
    return Table([_column(head, column, given.get(head, "")) for head, column in values.items()])


@dataclass(frozen=True)
class Column:
    """A head, and below it the text of each cell."""

    head: str
    cells: list[str]
    is_numeric: bool

    def filled(self, point: str, digit: str) -> list[str]:
        """What has the width of the decimals that each cell lacks."""
        if not self.is_numeric or any("e" in cell for cell in self.cells):
            return [""] * len(self.cells)
        decimals = [len(cell.partition(".")[2]) for cell in self.cells]
        most = max(decimals)
        return [
            digit * (most - own) if own else (point + digit * most if most else "")
            for own in decimals
        ]


class Table:
    """What `table` returns."""

    def __init__(self, columns: list[Column]):
        self.columns = columns

    def _repr_markdown_(self) -> str:
        heads = [_escaped(column.head) for column in self.columns]
        sides = ["---:" if column.is_numeric else ":---" for column in self.columns]
        columns = []
        for column in self.columns:
            typeset = _typeset if column.is_numeric else _escaped
            # Spaces as wide as a point and as a digit.
            spaces = column.filled("&puncsp;", "&numsp;")
            columns.append(
                [typeset(cell) + s for cell, s in zip(column.cells, spaces, strict=True)]
            )
        lines = [heads, sides, *zip(*columns, strict=True)]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def __repr__(self) -> str:
        columns = []
        for column in self.columns:
            spaces = column.filled(" ", " ")
            cells = [cell + s for cell, s in zip(column.cells, spaces, strict=True)]
            width = max(map(len, [column.head, *cells]))
            side = str.rjust if column.is_numeric else str.ljust
            columns.append([side(cell, width) for cell in [column.head, *cells]])
        return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))


def _column(head: str, values: list, spec: str) -> Column:
    cells = [_text(head, value, spec) for value in values]
    present = [value for value, cell in zip(values, cells, strict=True) if cell != MISSING]
    return Column(head, cells, bool(present) and all(map(_is_number, present)))


def _is_number(value) -> bool:
    return isinstance(_scalar(value), Real) and not isinstance(_scalar(value), bool)


def _is_whole(values: list) -> bool:
    """Whether a column has no fractions."""
    return not any(_is_number(v) and not isinstance(_scalar(v), Integral) for v in values)


def _scalar(value):
    """The Python number in an array without dimensions, of any library."""
    return value.item() if getattr(value, "shape", None) == () else value


def _text(head: str, value, spec: str) -> str:
    """A cell as plain text."""
    value = _scalar(value)
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, Real):
        raise ValueError(
            f"column {head!r} holds {value!r}; expected a number, a string, True, False or None"
        )
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if float(value) > 0 else "-∞"
    if not spec and not isinstance(value, Integral):
        raise ValueError(f"column {head!r} holds fractions: give it a format, such as '.2f'")
    try:
        text = format(value, spec).strip()
    except ValueError as error:
        raise ValueError(f"column {head!r} cannot have the format {spec!r}: {error}") from error
    # A zero that is rounded from below has no sign.
    is_zero = not re.search("[1-9]", text.partition("e")[0])
    return text.removeprefix("-") if is_zero else text


def _typeset(text: str) -> str:
    """A number as it is printed: −2.5·10⁻⁸ for -2.5e-08, and 7 for 7e+00."""
    sign, digits = ("−", text[1:]) if text.startswith("-") else ("", text)
    mantissa, has_exponent, exponent = digits.partition("e")
    if not has_exponent or int(exponent) == 0:
        return sign + mantissa
    ten = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    return sign + (ten if mantissa == "1" else f"{mantissa}·{ten}")


# Of an absolute value, |x|, or of a norm, \\|x\\|.
FORMULA_BAR = re.compile(r"\\?\|")


def _bar(found: re.Match[str]) -> str:
    return r"\vert " if found[0] == "|" else r"\Vert "


def _escaped(text: str) -> str:
    """A text without bars, which would begin a new cell; within formulas too."""
    parts = re.split(r"(\$[^$]*\$)", " ".join(text.split()))
    for i, part in enumerate(parts):
        parts[i] = FORMULA_BAR.sub(_bar, part) if i % 2 else part.replace("|", r"\|")
    return "".join(parts)
