"""What a page does besides what is looked at, and may not do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, WebError, WebSocket

VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`Content-Security-Policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


@dataclass
class Watch:
    """Notes what pages of a test ask of other hosts, and every error and warning of theirs."""

    seen: list[str] = field(default_factory=list)
    _allowed: list[re.Pattern[str]] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        """Expect what is noted with such words."""
        self._allowed.append(re.compile(pattern))

    def context(self, context: BrowserContext, address: str) -> None:
        """Watch all pages of a context that are to ask one server only."""
        host = urlsplit(address).netloc

        def asked(url: str) -> None:
            parts = urlsplit(url)
            if parts.scheme not in ("data", "blob", "about") and parts.netloc != host:
                self.seen.append(f"request to {url}")

        def request(made: Request) -> None:
            asked(made.url)

        def socket(made: WebSocket) -> None:
            asked(made.url)

        def page(made: Page) -> None:
            made.on("websocket", socket)

        def console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                place = message.location
                self.seen.append(f"{message.type}: {message.text} ({place.get('url', '')})")

        def error(raised: WebError) -> None:
            self.seen.append(f"raised: {raised.error}")

        context.add_init_script(VIOLATIONS)
        context.on("request", request)
        context.on("page", page)
        context.on("console", console)
        context.on("weberror", error)

    @property
    def wrong(self) -> list[str]:
        """What nobody expected."""
        return [
            each for each in self.seen if not any(allowed.search(each) for allowed in self._allowed)
        ]
