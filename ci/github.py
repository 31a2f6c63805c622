"""The little of GitHub's API that the workflows need: one comment and one issue that are kept up to date."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from ci.errors import CiError

PAGE = 100


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub, as a workflow's token sees it."""

    name: str
    token: str
    api: str = "https://api.github.com"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """What a workflow is given: GITHUB_REPOSITORY, GITHUB_API_URL, and GITHUB_TOKEN where a step passes it."""
        missing = [name for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN") if not environ.get(name)]
        if missing:
            raise CiError(f"{' and '.join(missing)} not set; nothing was written to GitHub. This runs in a workflow.")
        return cls(environ["GITHUB_REPOSITORY"], environ["GITHUB_TOKEN"], environ.get("GITHUB_API_URL", cls.api))

    def keep_comment(self, pull_request: int, marker: str, body: str) -> str:
        """Write the one comment that bears the marker, new or in place of what it said. Returns its address."""
        for comment in self._pages(f"issues/{pull_request}/comments"):
            if marker in (comment["body"] or ""):
                return str(self._call("PATCH", f"issues/comments/{comment['id']}", {"body": body})["html_url"])
        return str(self._call("POST", f"issues/{pull_request}/comments", {"body": body})["html_url"])

    def keep_issue(self, title: str, label: str, body: str | None) -> str | None:
        """One open issue of that title with that label: written anew, or closed where there is nothing to say."""
        found = next(
            (each for each in self._pages(f"issues?state=open&labels={label}") if each["title"] == title), None
        )
        if body is None:
            if found:
                self._call("POST", f"issues/{found['number']}/comments", {"body": "It is gone."})
                self._call("PATCH", f"issues/{found['number']}", {"state": "closed"})
            return None
        if found:
            return str(self._call("PATCH", f"issues/{found['number']}", {"body": body})["html_url"])
        return str(self._call("POST", "issues", {"title": title, "labels": [label], "body": body})["html_url"])

    def keep_pull_request(self, branch: str, base: str, title: str, body: str) -> str:
        """The one open pull request from that branch: opened, or given this title and text."""
        owner = self.name.partition("/")[0]
        for found in self._pages(f"pulls?state=open&head={owner}:{branch}&base={base}"):
            return str(self._call("PATCH", f"pulls/{found['number']}", {"title": title, "body": body})["html_url"])
        opened = self._call("POST", "pulls", {"title": title, "head": branch, "base": base, "body": body})
        return str(opened["html_url"])

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        page = 1
        while True:
            found = self._call("GET", f"{path}{'&' if '?' in path else '?'}per_page={PAGE}&page={page}")
            yield from found
            if len(found) < PAGE:
                return
            page += 1

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - GitHub's JSON
        address = f"{self.api}/repos/{self.name}/{path}"
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310 - GitHub's own address
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
                return json.load(answer)
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            raise CiError(
                f"GitHub answered {error.code} to {method} {path}: {said}. Nothing else was written."
            ) from error
        except OSError as error:
            raise CiError(f"GitHub could not be reached for {method} {path}: {error}. Run the job again.") from error
