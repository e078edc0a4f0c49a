"""tools/sphinx/mends.py: what is left of an earlier build goes, and nothing else."""

from types import SimpleNamespace

from tools.sphinx import mends


def test_pages_of_an_earlier_book_go_and_the_others_stay(tmp_path):
    stay = ["404.html", "genindex.html", "index.html", "search.html", "book/05_adam.html"]
    stay += ["_modules/adamtut/rules.html", "_static/a.html", "_sources/book/05_adam.ipynb"]
    go = ["prf-prf.html", "py-modindex.html", "book/05_gone.html", "_sources/book/05_gone.ipynb"]
    for name in [*stay, *go]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    env = SimpleNamespace(found_docs={"book/05_adam"})
    mends.drop_old_pages(SimpleNamespace(outdir=tmp_path, env=env), None)
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == set(stay)
