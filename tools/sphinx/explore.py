"""The directive `explore`: an explorable in its frame, with a poster for print and for no script.

    :::{explore} streams
    :query: preset=agree,alternate&rule=adam
    :name: fig-adam-streams
    :alt: Two streams of gradients, one agreeing and one alternating, and the steps they earn.
    The caption.
    :::

It is a figure, numbered with the others. Its picture is the poster; book/explore/embed.js puts the
page itself in its place. The pages are built when Sphinx begins, and lie in _static/explore.
"""

import hashlib
import html
import os
import re
import zlib
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

from tools.book import BUILD
from tools.explore import build
from tools.explore.posters import COMMAND, POSTERS, Use, record

STATIC = BUILD / "explore"
SHORTEST = 40  # letters of the alt text
QUERY = re.compile(r"[\w.]+=[^&?#\s]*(&[\w.]+=[^&?#\s]*)*")


class explorable(nodes.General, nodes.Element):  # noqa: N801 (docutils names nodes so)
    """What a script frames; its poster is in it."""


class Explore(SphinxDirective):
    required_arguments = 1
    has_content = True
    option_spec = {  # noqa: RUF012 (docutils asks for a dict)
        "query": directives.unchanged_required,
        "name": directives.unchanged_required,
        "alt": directives.unchanged_required,
    }

    def run(self):
        # Noted first: a page whose poster is missing is read again when it has come.
        self.env.note_dependency(str(POSTERS / "posters.json"))
        use = Use(self.arguments[0], self.options.get("query", ""))
        if wrong := fault(use, self.options.get("alt", ""), self.content):
            raise self.error(wrong)
        about = record()[use.slug]
        place = explorable(
            name=use.name,
            query=use.query,
            title=title(use.name),
            tall=about["wide"],
            narrow=about["narrow"],
        )
        poster = Path(os.path.relpath(use.poster, self.env.srcdir)).as_posix()
        place += nodes.image(uri=f"/{poster}", alt=self.options["alt"])
        figure = nodes.figure("", place)
        text = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, text)
        first, *rest = text.children
        figure += nodes.caption(first.rawsource, "", *first.children)
        if rest:
            figure += nodes.legend("", *rest)
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure]


def fault(use: Use, alt: str, content) -> str:
    """What is wrong with a directive and what to do, or nothing."""
    if use.name not in build.NAMES:
        return f"no explorable {use.name!r}; there are {', '.join(build.NAMES)}"
    if use.query and not QUERY.fullmatch(use.query):
        return f"the query must be like preset=agree&rule=adam, got {use.query!r}"
    if len(alt) < SHORTEST:
        return f"alt says what the poster shows, in {SHORTEST} letters or more, got {alt!r}"
    if not "".join(content).strip():
        return "an explorable has a caption: write what to see in it below the options"
    if not use.poster.is_file() or use.slug not in record():
        return f"the poster {use.slug}.png is missing; draw it: {COMMAND}"
    return ""


def title(name: str) -> str:
    """What the page calls itself."""
    text = (build.SOURCES / f"{name}.html").read_text(encoding="utf-8")
    return re.search("<title>(.*?)</title>", text)[1]


def visit(self, node):
    page = self.builder.get_target_uri(self.builder.current_docname)
    source = relative_uri(page, f"_static/explore/{node['name']}.html")
    if node["query"]:
        source += f"?{node['query']}"
    self.body.append(
        f'<div class="explorable" data-src="{html.escape(source)}" '
        f'data-title="Interactive picture. {html.escape(node["title"])}" '
        f'style="--tall: {node["tall"]}px; --tall-narrow: {node["narrow"]}px">\n'
    )


def depart(self, node):
    self.body.append("</div>\n")


def skip(self, node):
    """A builder without scripts has the poster alone."""


def digest() -> str:
    """Of the pages as they are built."""
    texts = [build.page(name) for name in build.NAMES] + [build.shared(f) for f in build.BESIDE]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def prepare(app, config):
    build.build(STATIC)
    config.html_static_path.append(str(STATIC))


def add_files(app, page, template, context, doctree):
    if doctree is not None and any(doctree.findall(explorable)):
        app.add_css_file("explore/embed.css")
        app.add_js_file("explore/embed.js", loading_method="defer")


def setup(app):
    others = dict.fromkeys(("latex", "text", "man", "texinfo"), (skip, skip))
    app.add_node(explorable, html=(visit, depart), **others)
    app.add_directive("explore", Explore)
    # As with the other static files: they are copied anew when this setting changes.
    app.add_config_value("explorables", digest(), "html")
    app.connect("config-inited", prepare)
    app.connect("html-page-context", add_files)
    return {
        "parallel_read_safe": True,
        "parallel_write_safe": True,
        # Pages keep what the directive made of them; they are read again when it changes.
        "env_version": zlib.crc32(Path(__file__).read_bytes()),
    }
