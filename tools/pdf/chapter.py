"""What a chapter has on paper alone: solutions at its end, proofs with an end, captions for what
moves online."""

import html

from bs4 import BeautifulSoup

from tools.address import address
from tools.pdf.page_links import page_link

SOLUTIONS = '<section id="solutions"><h2>Solutions</h2></section>'
END_MARK = '<span class="end" role="img" aria-label="End of the proof"></span>'


def arrange(content, page: str) -> None:
    """Change the content of a page in place."""
    for figure in content.select("figure:has(.explorable)"):
        say_where(figure, page)
    for proof in content.select(".proof"):
        if set(proof["class"]) <= {"proof", "dropdown", "admonition"}:  # theorems have one more
            set_proof(proof)
    if solutions := content.select(".solution"):
        move(solutions, content)
    for paragraph in content.find_all("p"):
        if paragraph.get_text().rstrip().endswith(":"):
            paragraph["class"] = [*paragraph.get("class", []), "lead"]


def parse(text: str):
    return next(iter(BeautifulSoup(text, "html.parser")))


def say_where(figure, page: str) -> None:
    """Under a poster, where the picture itself is."""
    where = "on this page of the online book"
    if here := address():
        url = html.escape(here.site(f"{page}.html"))
        where = f'{where}, <a href="{url}">{url}</a>'
    figure.figcaption.append(
        parse(f'<p class="live">The picture that you can move is {where}.</p>')
    )


def set_proof(proof) -> None:
    """A proof begins with its name, which a page has in a title or in the text, and has an end."""
    if title := proof.find(class_="admonition-title", recursive=False):
        title.decompose()
    proof["class"] = ["argument"]
    text = proof.p.find(string=True)
    text.replace_with(text.removeprefix("Proof."))
    proof.p.insert(0, parse("<em>Proof.</em>"), " ")
    last = proof.find_all(recursive=False)[-1]
    if last.name != "p":  # a formula, say
        last = parse("<p></p>")
        proof.append(last)
    last.append(parse(END_MARK))


def move(solutions, content) -> None:
    """The solutions to the end; exercise and solution say on which page the other is."""
    section = parse(SOLUTIONS)
    for solution in solutions:
        link = solution.find(class_="admonition-title").a
        exercise = link["href"].removeprefix("#")
        solution["id"] = f"solution-{exercise}"
        link.insert_after(", ", page_link(exercise))
        note = parse('<p class="solved">Solution: </p>')
        note.append(page_link(solution["id"]))
        content.find(id=exercise).append(note)
        section.append(solution.extract())
    content.find("section").append(section)
