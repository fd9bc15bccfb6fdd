"""A monitor of what pages do that no test looks at."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, WebError

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`Content-Security-Policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


@dataclass
class PageMonitor:
    """Records requests to other hosts, and every error and warning in the console."""

    events: list[str] = field(default_factory=list)
    _allowed: list[re.Pattern[str]] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        self._allowed.append(re.compile(pattern))

    def watch(self, context: BrowserContext, address: str) -> None:
        """Record the events of all pages of a context, which may send requests to one server."""
        host = urlsplit(address).netloc

        def check_host(url: str) -> None:
            parts = urlsplit(url)
            if parts.scheme not in ("data", "blob", "about") and parts.netloc != host:
                self.events.append(f"request to {url}")

        def on_page(page: Page) -> None:
            page.on("websocket", lambda web_socket: check_host(web_socket.url))

        def on_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                url = message.location.get("url", "")
                self.events.append(f"{message.type}: {message.text} ({url})")

        def on_error(error: WebError) -> None:
            self.events.append(f"exception: {error.error}")

        context.add_init_script(REPORT_VIOLATIONS)
        context.on("request", lambda request: check_host(request.url))
        context.on("page", on_page)
        context.on("console", on_console)
        context.on("weberror", on_error)

    @property
    def unexpected(self) -> list[str]:
        """Return the events that no allowed pattern matches."""
        return [
            event
            for event in self.events
            if not any(allowed.search(event) for allowed in self._allowed)
        ]
