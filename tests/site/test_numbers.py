"""tools/sphinx/numbers.py: what is numbered has the number of its chapter."""

import pytest
from small_book import SmallBook, words

EXTENSIONS = ["sphinx_exercise", "sphinx_proof", "tools.sphinx.numbers"]
FIGURE = "```{{figure}} p.png\n:name: {0}\nA caption.\n```\n"
EXERCISE = "```{{exercise}} ★ Try\n:label: {0}\nText.\n```\n"
THEOREM = "```{{prf:theorem}} Known\n:label: {0}\nText.\n```\n"
ALGORITHM = "```{{prf:algorithm}} Adam\n:label: {0}\nText.\n```\n"
TABLE = "```{{table}} A caption.\n:name: {0}\n| a |\n| --- |\n| 1 |\n```\n"


def page(title, *things):
    return "\n".join([f"# {title}", "## A section", *things])


PAGES = {
    "five": page(
        "5a. Adam",
        FIGURE.format("f-1"),
        EXERCISE.format("e-1"),
        "## Another section",
        FIGURE.format("f-2"),
        TABLE.format("t-1"),
        ALGORITHM.format("a-1"),
    ),
    "six": page(
        "6. Bias",
        FIGURE.format("f-3"),
        EXERCISE.format("e-2"),
        THEOREM.format("th-1"),
        "{numref}`f-1`, {numref}`t-1`, {ref}`e-1`, {prf:ref}`a-1`, {prf:ref}`th-1`, {ref}`w <f-1>`",
    ),
    "notes": page("Notes", FIGURE.format("f-4")),
}


@pytest.fixture
def book(tmp_path):
    made = SmallBook(tmp_path, *EXTENSIONS, numfig=True, numfig_secnum_depth=1)
    (tmp_path / "source" / "book" / "p.png").write_bytes(b"")
    return made


def numbers(pages):
    found = {}
    for name, soup in pages.items():
        labels = soup.select(
            "figcaption .caption-number, .admonition-title .caption-number, caption"
        )
        found[name] = [words(label).partition(" A caption")[0] for label in labels]
    return found


def test_each_chapter_counts_for_itself(book):
    pages, warnings = book.build(**PAGES)
    assert warnings == []
    assert {name: sorted(found) for name, found in numbers(pages).items()} == {
        "five": ["Algorithm 5a.1", "Exercise 5a.1", "Fig. 5a.1", "Fig. 5a.2", "Table 5a.1"],
        "six": ["Exercise 6.1", "Fig. 6.1", "Theorem 6.1"],
        "notes": ["Fig. 1"],
    }


def references(pages):
    return [words(link) for link in pages["six"].select("section > p a:not(.headerlink)")]


def test_references_say_the_numbers(book):
    pages, _ = book.build(**PAGES)
    assert references(pages) == [
        "Fig. 5a.1",
        "Table 5a.1",
        "Exercise 5a.1",
        "Algorithm 5a.1",
        "Theorem 6.1",
        "w",
    ]


def test_headings_have_no_numbers_of_their_own(book):
    pages, _ = book.build(**PAGES)
    assert pages["five"].h1.get_text().startswith("5a. Adam")
    assert pages["five"].h2.get_text().startswith("A section")


def test_a_page_that_refers_to_a_new_number_is_written_again(book):
    book.build(**PAGES)
    before = FIGURE.format("f-0")
    pages, _ = book.build(**PAGES | {"five": PAGES["five"].replace("## A section", before)})
    assert references(pages)[0] == "Fig. 5a.2"


def test_a_page_that_refers_to_a_new_chapter_number_is_written_again(book):
    book.build(**PAGES)
    pages, _ = book.build(**PAGES | {"five": PAGES["five"].replace("# 5a.", "# 4.")})
    assert references(pages)[0] == "Fig. 4.1"


def test_other_pages_stay_as_they_are_where_no_number_has_changed(book):
    """What is numbered on a page that is read again has the numbers it had."""
    book.build(**PAGES)
    written = {path: path.stat().st_mtime_ns for path in (book.folder / "html" / "book").glob("*")}
    page = book.folder / "source" / "book" / "five.md"
    page.write_text(PAGES["five"].replace("## A section", "## The section"), encoding="utf-8")
    book.build()
    changed = [path.stem for path, time in written.items() if path.stat().st_mtime_ns != time]
    assert changed == ["five"]
