"""Options of the commands that work on a library, and the way to it: the library of this machine, or a server's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from sideman import bootstrap
from sideman.errors import (
    Conflict,
    Forbidden,
    LibraryError,
    MissingAsset,
    NotFound,
    QuotaExceeded,
    ServiceUnavailable,
    SidemanError,
    TooLarge,
    Unauthenticated,
    UnreadableAudio,
    UsageError,
)
from sideman.faces.cli.arguments import Json

if TYPE_CHECKING:
    import httpx

    from sideman.app.library.studio import Studio

Data = Annotated[Path | None, typer.Option(help="Folder of the library; default: SIDEMAN_DATA.", show_default=False)]
Server = Annotated[str | None, typer.Option(help="Work on this server's library instead: http://HOST:PORT.", show_default=False)]
Key = Annotated[str | None, typer.Option(help="API key for --server; default: SIDEMAN_KEY.", show_default=False)]
ERRORS: dict[int, type[SidemanError]] = {
    401: Unauthenticated, 403: Forbidden, 404: NotFound, 409: Conflict, 413: TooLarge, 422: UsageError, 429: QuotaExceeded, 503: ServiceUnavailable,
}  # fmt: skip
NOT_OURS = "and not as Sideman does: check the address"
__all__ = ["Data", "Json", "Key", "Library", "Server", "library"]


class _Way(Protocol):
    def send(self, method: str, path: str, **more: Any) -> httpx.Response: ...
    def close(self) -> None: ...


class _ToServer:
    def __init__(self, url: str, key: str | None) -> None:
        import httpx

        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=httpx.Timeout(10, read=600, write=600))
        self._url = url

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        import httpx

        try:
            return self._client.request(method, path, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnavailable(f"{self._url} does not answer ({error}): check the address and that the server runs") from error

    def close(self) -> None:
        self._client.close()


class _ToFolder:
    """The same API without a server: the application is called in this process."""

    def __init__(self, data: Path | None) -> None:
        import httpx

        self._studio: Studio = bootstrap.open_studio(data)
        from sideman.faces.rest import create_application

        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(create_application(self._studio), raise_app_exceptions=False, client=("127.0.0.1", 1))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=None)

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **more))

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()
        self._studio.close()


class Library:
    """A library through its REST API, wherever it lies. Errors of the API are raised as Sideman's own. A context manager."""

    def __init__(self, way: _Way, data: Path | None, is_local: bool) -> None:
        self._way, self.data, self.is_local = way, data, is_local

    def ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self._way.send(method, path, **more)
        try:
            if answer.is_success:
                return answer.json() if answer.content else None
            detail = str(answer.json()["detail"])
        except (ValueError, KeyError, TypeError):
            raise LibraryError(f"the server answered {answer.status_code}, {NOT_OURS}") from None
        kind = ERRORS.get(answer.status_code, LibraryError)
        raise kind(detail)

    def upload(self, path: Path) -> Any:
        if not path.is_file():
            raise UsageError(f"{path} is not a file: check the path")
        name = os.fsencode(path.name).decode("utf-8", "replace")  # a name that is no UTF-8 could not be sent
        try:
            with path.open("rb") as file:
                return self.ask("POST", "/api/v1/recordings", files={"file": (name, file)})
        except OSError as error:
            raise UnreadableAudio(f"{name} cannot be read ({error.strerror}): check who may read it") from error
        except UsageError as error:  # the API has one status for what was asked wrongly and for audio that cannot be used
            raise UnreadableAudio(str(error)) from error

    def pages(self, path: str, params: dict[str, Any], most: int) -> list[dict[str, Any]]:
        """Items of a paged list, up to `most`."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(items) < most:
            asked = params | {"limit": min(200, most - len(items))} | ({"cursor": cursor} if cursor else {})
            page = self.ask("GET", path, params=asked)
            if not isinstance(page, dict) or "items" not in page:
                raise LibraryError(f"the server answered, {NOT_OURS}")
            items += page["items"]
            cursor = page["nextCursor"]
            if cursor is None:
                break
        return items

    def __enter__(self) -> Library:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._way.close()


def refuse_empty(beginning: str, what: str) -> None:
    """The beginning of an id: of an empty one every id would be the end. Raises UsageError."""
    if not beginning:
        raise UsageError(f"the id of the {what} is empty: give its first letters")


@contextmanager
def library(data: Path | None, server: str | None, key: str | None) -> Iterator[Library]:
    """The library that the options name."""
    try:
        import httpx  # noqa: F401
    except ImportError as error:
        raise MissingAsset("the library needs the extra `server` (httpx is not installed): pip install 'sideman[server]'") from error
    if server is not None and not server.startswith(("http://", "https://")):
        raise UsageError(f"--server is {server!r}: it begins with http:// or https://")
    way: _Way = _ToServer(server, key or os.environ.get("SIDEMAN_KEY")) if server else _ToFolder(data)
    with Library(way, data, server is None) as opened:
        yield opened
