"""What the theme and the extensions get wrong on every page, mended as the page is written.

What a style sheet can mend is in book/_static/adamtut.css, what a template can in book/_templates.
"""

import re
from pathlib import Path

WORDS = "searchindex.js"
# What is written → what should be.
MARKUP = [
    # The label would take the place of the words inside, "Show the source".
    (' aria-label="Toggle hidden content"', ""),
    # WAI-ARIA 1.2 has given up this role, and a list may hold nothing but its items.
    (' role="doc-biblioentry"', ""),
    ('<div role="list" class="citation-list">', '<div class="citation-list">'),
]


# A proof with the class dropdown has no title. The script that folds looks for one, fails, and
# leaves all that follows unfolded, solutions too. A class of its own tells a proof from a theorem.
PROOF = re.compile(r'<div class="proof (dropdown )?admonition" id="[^"]*">\s*<p>Proof\.\s*')


def named(proof) -> str:
    if proof[1]:
        title = '<p class="admonition-title">Proof</p>'
        return f'<div class="proof argument dropdown admonition">\n{title}\n<p>'
    return '<div class="proof argument admonition">\n<p><em>Proof.</em> '


# Every exercise, solution and theorem has a part with the same id, to which nothing leads.
SHARED_ID = re.compile(r' id="(?:exercise|solution|proof)-content"(?=>)')
# An algorithm or theorem has its id twice, on itself and on its title.
TITLE_ID = re.compile(
    r'(<div class="proof [^>]*id="([^"]+)">\s*<p class="admonition-title") id="\2"'
)

# A line must not begin with the comma that follows a formula. That is a box, after which browsers
# break a line.
MARKED = re.compile(
    r'(<span class="math[ "](?:(?!<span class="math[ "]).)*?</span></span></span></span>)'
    r"([,.;:!?)\]’”]+)",
    re.DOTALL,
)


def mend(page: str, body: str) -> str:
    """The article's HTML with better markup."""
    for wrong, right in MARKUP:
        body = body.replace(wrong, right)
    body = PROOF.sub(named, body)
    body = SHARED_ID.sub("", body)
    body = TITLE_ID.sub(r"\1", body)
    body = MARKED.sub(r'<span class="marked">\1\2</span>', body)
    return flatten_list(body) if page == "_modules/index" else body


def flatten_list(body: str) -> str:
    """The list of modules without the lists that stand in it outside of an item."""
    start, rest = body.split("<ul>", 1)
    return f"{start}<ul>{re.sub('</?ul>', '', rest)}</ul>\n"


def is_unused(file) -> bool:
    """Thebe runs code in the page, on a server; its script names an address and fails here. No page
    has the tabs of sphinx-design."""
    filename = getattr(file, "filename", file) or ""
    body = getattr(file, "attributes", {}).get("body", "")
    return any(name in str(filename) for name in ("thebe", "design-tabs")) or "THEBE" in body


def deferred(file):
    """The same script for a page that need not wait for it to be painted.

    A new object, since Sphinx has one for all pages; and not the script that others inline ask.
    """
    if not getattr(file, "filename", None) or "documentation_options" in str(file.filename):
        return file
    attributes = file.attributes | {"defer": "defer"}
    return type(file)(file.filename, priority=file.priority, **attributes)


def change(app, page, template, context, doctree):
    if "body" in context:
        context["body"] = mend(page, context["body"])
    for files in ("script_files", "css_files"):
        context[files] = [file for file in context[files] if not is_unused(file)]
    if page != "search":  # there, scripts that are not deferred ask those before them
        context["script_files"] = list(map(deferred, context["script_files"]))
    if page == app.config.root_doc:
        # It is called as the book is; its tab need not say so twice.
        context["docstitle"] = ""


def drop_what_no_page_loads(app, exception):
    """What is for the theme's authors or in other languages, icons that are in a font too, and the
    words that Sphinx's search would look through, which wait elsewhere for the next build.
    """
    static = Path(app.outdir) / "_static"
    unused = ("**/*.map", "vendor/fontawesome/*/js/*", "locales/**/*.po", "locales/**/*.mo")
    for path in [path for pattern in unused for path in static.glob(pattern)]:
        path.unlink()
    move(Path(app.outdir), Path(app.doctreedir), WORDS)


def bring_back_what_the_next_build_needs(app):
    """Sphinx adds the words of pages that changed to those of the others."""
    move(Path(app.doctreedir), Path(app.outdir), WORDS)


def move(source, target, name):
    if (source / name).exists():
        target.mkdir(parents=True, exist_ok=True)
        (source / name).replace(target / name)


def drop_old_pages(app, exception):
    """Pages that an earlier version of the book had; Sphinx leaves them where they are."""
    out, made = Path(app.outdir), app.env.found_docs | {"404", "genindex", "search"}
    for path in [*out.glob("*.html"), *out.glob("book/**/*.html")]:
        if path.relative_to(out).with_suffix("").as_posix() not in made:
            path.unlink()


def setup(app):
    app.connect("builder-inited", bring_back_what_the_next_build_needs)
    app.connect("build-finished", drop_what_no_page_loads)
    app.connect("build-finished", drop_old_pages)
    app.add_js_file("land.js", loading_method="defer")
    # After the extensions have added theirs.
    app.connect("html-page-context", change, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
