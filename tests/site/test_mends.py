"""tools/sphinx/mends.py: what is left of an earlier build goes, and nothing else."""

from types import SimpleNamespace

import pytest
from small_book import SmallBook

from tools.sphinx import mends


def test_pages_of_an_earlier_book_go_and_the_others_stay(tmp_path):
    stay = ["404.html", "genindex.html", "index.html", "search.html", "book/05_adam.html"]
    stay += ["_modules/adamtut/rules.html", "_static/a.html"]
    go = ["prf-prf.html", "py-modindex.html", "book/05_gone.html"]
    for name in [*stay, *go]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    env = SimpleNamespace(found_docs={"index", "book/05_adam"})
    mends.drop_old_pages(SimpleNamespace(outdir=tmp_path, env=env), None)
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == set(stay)


@pytest.mark.parametrize("forgets", [False, True])
def test_a_page_that_changed_is_built_without_a_warning(tmp_path, monkeypatch, forgets):
    """The words of the other pages, which the site does not have, are there for Sphinx."""
    if forgets:
        monkeypatch.setattr(mends, "bring_back_what_the_next_build_needs", lambda app: None)
    book = SmallBook(tmp_path, "tools.sphinx.mends")
    book.build(a="# A\n\nOne.", b="# B\n\nTwo.")
    (tmp_path / "source" / "book" / "b.md").write_text("# B\n\nThree.", encoding="utf-8")
    _, warnings = book.build()
    assert bool(warnings) == forgets
    assert not (tmp_path / "html" / "searchindex.js").exists()


def test_a_formula_keeps_the_mark_that_follows_it():
    def formula(class_):
        return (
            f'<span class="{class_}"><span class="katex"><span class="katex-html">'
            '<span class="base"><span class="mord mathnormal">x</span></span></span></span></span>'
        )

    first, second = formula("math"), formula("math notranslate")
    mended = mends.mend("a", f"<p>{first} and {second}), so {first}</p>")
    kept = f'<span class="marked">{second}),</span>'
    assert mended == f"<p>{first} and {kept} so {first}</p>"


PROOFS = """# A

:::{prf:proof}
:class: dropdown

First, *one*.

Second.
:::

:::{prf:proof}
:class: dropdown

Another.
:::

:::{prf:proof}
An open one.
:::
"""


NUMBERED = """# B

:::{prf:theorem} One
:label: thm-one

A.
:::

:::{prf:proof}
B.
:::

:::{prf:proof}
C.
:::

```{exercise} Two
:label: ex-two

D.
```

```{solution} ex-two
E.
```

```{exercise} Three
:label: ex-three

F, after {prf:ref}`thm-one` and {numref}`ex-two`.
```
"""


def test_no_id_is_on_a_page_twice_and_those_with_links_stay(tmp_path):
    extensions = "sphinx_proof", "sphinx_exercise", "tools.sphinx.mends"
    pages, warnings = SmallBook(tmp_path, *extensions, numfig=True).build(b=NUMBERED)
    assert warnings == []
    ids = [node["id"] for node in pages["b"].find_all(id=True)]
    assert len(ids) == len(set(ids)) and {"thm-one", "ex-two", "ex-three"} <= set(ids)
    links = {a["href"] for a in pages["b"].select("section a.reference")}
    assert {"#thm-one", "#ex-two"} <= links <= {f"#{name}" for name in ids}


def test_a_folded_proof_has_a_title_to_fold_it_by(tmp_path):
    pages, warnings = SmallBook(tmp_path, "sphinx_proof", "tools.sphinx.mends").build(a=PROOFS)
    assert warnings == []
    first, second, open_one = pages["a"].select(".proof")
    for proof, text in ((first, "First, one."), (second, "Another.")):
        title, *paragraphs = proof.find_all("p")
        assert title["class"] == ["admonition-title"] and title.get_text() == "Proof"
        assert paragraphs[0].get_text() == text and "dropdown" in proof["class"]
        assert not proof.has_attr("id"), "ids would be equal"
    assert len(first.find_all("p")) == 3
    assert open_one.get_text().strip() == "Proof. An open one." and open_one.em
    assert all("argument" in proof["class"] for proof in (first, second, open_one))
