"""Axe, run in a page: its script is given to the page once, and only what it found comes back."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCRIPT = Axe().axe_script
RUN = """async ([options, look]) => (await axe.run(document, options)).violations.map(
  (each) => `${look}: ${each.id} (${each.impact}): ${each.nodes.map((node) => node.target).join(", ")}`
)"""


def load_axe(page: Page) -> None:
    """Gives the page that is open now axe. A policy of the page does not stop it."""
    page.evaluate(SCRIPT)


def axe_findings(page: Page, look: str, options: dict[str, Any]) -> list[str]:
    """What axe has against the page, each with the `look` in which it was found, and the elements."""
    return list(page.evaluate(RUN, [{"resultTypes": ["violations"]} | options, look]))
