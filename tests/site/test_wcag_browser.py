"""Every page by the rules of WCAG 2.1 AA; a file of its own, so that it runs beside the others."""

import pytest
from test_browser import (
    DESK,
    PHONE,
    SITE,
    accessible_faults,
    opened,
    pages,
)

from tools.served import served

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("scheme", "viewport"),
    [("light", DESK), ("dark", DESK), ("light", PHONE)],
    ids=["light", "dark", "phone"],
)
def test_no_page_breaks_a_rule_of_wcag(chromium, axe, scheme, viewport):
    faults, settings = [], {"color_scheme": scheme, "viewport": viewport}
    with served(SITE) as address:
        for name in pages():
            with opened(chromium, f"{address}/{name}", **settings) as page:
                faults += [f"{name}: {fault}" for fault in accessible_faults(page, axe)]
    assert faults == []
