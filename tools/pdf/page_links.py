"""Links that say on which page of the print their end is, as soon as that is known."""

from bs4 import BeautifulSoup

UNKNOWN = 100  # of a usual width


def page_link(to: str):
    """A link that reads `page 12`."""
    link = f'<a class="page" href="#{to}">page <span>{UNKNOWN}</span></a>'
    return BeautifulSoup(link, "html.parser").a


def fill(content, numbers: dict[str, int]) -> None:
    """Write the numbers into the links of an article."""
    for link in content.select("a.page"):
        link.span.string = str(numbers.get(link["href"].removeprefix("#"), UNKNOWN))
