"""Figures, tables, exercises and theorems are numbered by chapter: Fig. 5a.3.

The chapter's number stands in its title, "5a. Adam". Sphinx takes it from a numbered table of
contents, which knows neither letters nor titles; so it is told while it counts.
"""

import re

from sphinx.environment.collectors.toctree import TocTreeCollector

TITLE = re.compile(r"(\d+[a-z]?)\. ")

count = TocTreeCollector.assign_figure_numbers


def assign_figure_numbers(self, env):
    """Count within each chapter; if a number has changed, all pages are written again.

    Any of them may refer to it, and Sphinx writes those alone that hold what was numbered. It
    forgets the numbers of a page that is read again, and would call each of them new.
    """
    titles = {page: TITLE.match(title.astext()) for page, title in env.titles.items()}
    sections = env.toc_secnumbers
    env.toc_secnumbers = {page: {"": (found[1],)} for page, found in titles.items() if found}
    try:
        count(self, env)
    finally:
        env.toc_secnumbers = sections
    before = getattr(env, "numbers_written", None)
    env.numbers_written = dict(env.toc_fignumbers)
    return sorted(env.found_docs) if env.numbers_written != before else []


def setup(app):
    TocTreeCollector.assign_figure_numbers = assign_figure_numbers
    return {"parallel_read_safe": True, "parallel_write_safe": True}
