"""The index of the print: the words of the glossary and the names of the package, with pages.

Sphinx's index leads to where a word is explained. On paper it names, besides, the pages that use
the word: those with a link to its entry in the glossary.
"""

from bs4 import BeautifulSoup

from tools.pdf.page_links import UNKNOWN

PAGE = "genindex"  # as Sphinx calls it
MODULE = "module"
TERM = "#glossary.term-"


def rewrite(content) -> None:
    """Turn the article of Sphinx's index into one line for each entry."""
    soup = BeautifulSoup("", "html.parser")
    box = soup.new_tag("div", attrs={"class": "index"})
    initial = ""
    for link in content.select(".genindextable a"):
        name, _, about = words(link).partition(" (")
        if name == MODULE:  # the modules once more, as they stand under their own names
            continue
        line = soup.new_tag("p", attrs={"class": "entry", "data-to": link["href"]})
        if name[0].upper() != initial:
            line["class"], initial = "entry letter", name[0].upper()
        in_code = link["href"].startswith("#api.")
        line.append(soup.new_tag("code", string=name) if in_code else name)
        line.append(f" ({about} " if about else " ")
        line.append(soup.new_tag("span"))
        box.append(line)
    for node in content.find_all(recursive=False):
        if node.name != "h1":
            node.decompose()
    content.append(box)


def words(link) -> str:
    """What an entry says; one that stands under another begins with its name."""
    said = " ".join(link.get_text().split())
    above = link.find_parent("ul").find_parent("li")
    if not above:
        return said
    name = " ".join(next(above.stripped_strings).split()).partition(" (")[0]
    return f"{name} ({said.strip('()')})"


def add_uses(articles: dict) -> None:
    """Give each use of a word an id, and tell it to the word's entry."""
    entries = {line["data-to"]: line for line in articles[PAGE].select("p.entry")}
    for page, content in articles.items():
        if page == "book/glossary":
            continue
        for number, link in enumerate(content.select(f'a[href^="{TERM}"]')):
            link["id"] = f"{content['id']}.use-{number}"
            entries[link["href"]]["data-to"] += f" #{link['id']}"


def fill(content, numbers: dict[str, int]) -> None:
    """Write each entry's pages: each once, in order, in bold where the word is explained."""
    for line in content.select("p.entry"):
        explained, *uses = [to.removeprefix("#") for to in line["data-to"].split()]
        pages = {numbers.get(to, to): to for to in reversed([explained, *uses])}
        ordered = sorted(pages.values(), key=lambda to: numbers.get(to, UNKNOWN))
        links = [
            f'<a class="{"explained" if to == explained else "use"}" href="#{to}">'
            f"{numbers.get(to, UNKNOWN)}</a>"
            for to in ordered
        ]
        line.span.replace_with(BeautifulSoup(f"<span>{', '.join(links)}</span>", "html.parser"))
