"""The bibliography names a work as the text does, by author and year, and is in that order.

The extension's own styles number the works, or leave them without a label.
"""

import unicodedata

import pybtex.plugin
from pybtex.style.formatting.plain import Style
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.sorting.author_year_title import SortingStyle
from sphinxcontrib.bibtex.style.names.last import LastNameStyle

NAME = "author_year"


class AuthorAndYear(BaseLabelStyle):
    """`Kingma and Ba, 2015`, or `n.d.` without a year, as the citations have it."""

    def format_labels(self, sorted_entries):
        return map(label, sorted_entries)


def label(entry) -> str:
    persons = entry.persons.get("author") or entry.persons["editor"]
    names = [LastNameStyle().format(person).format().render_as("text") for person in persons]
    who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
    return f"{who}, {entry.fields.get('year', 'n.d.')}"


class ByTheLettersShown(SortingStyle):
    """Neither the braces that keep a name in one piece nor an accent send it behind the others."""

    def person_key(self, person):
        letters = unicodedata.normalize("NFKD", super().person_key(person))
        return "".join(c for c in letters if c not in "{}" and not unicodedata.combining(c))


class AuthorYear(Style):
    default_label_style = AuthorAndYear
    default_sorting_style = ByTheLettersShown


def setup(app):
    # Else pybtex looks through all installed packages for them, for each citation.
    for name in ("text", "plaintext"):
        backend = pybtex.plugin.find_plugin("pybtex.backends", name)
        pybtex.plugin.register_plugin("pybtex.backends", name, backend, force=True)
    pybtex.plugin.register_plugin("pybtex.style.formatting", NAME, AuthorYear)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
