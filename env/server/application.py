"""What a worker serves: MLflow with basic-auth, where files pass in little memory.

MLflow 3.6.0 answers in Flask, behind Starlette's bridge. That one collects a body before anybody
reads it, in a time that grows with the square of its size, and all of an answer that the client
does not take as fast. Here a large body is read as it arrives, so that the password is asked first,
and an answer is given in few pieces, as the client takes them. A file is read in such pieces too:
MLflow gives it line by line, and a line may be all of it.
"""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

import anyio
from fastapi import FastAPI
from mlflow.server import app, auth, handlers
from starlette.datastructures import Headers
from starlette.middleware import wsgi
from starlette.types import Message, Receive, Scope, Send

LARGE = 2**20  # bytes of a body that is read as it arrives
AT_ONCE = 20  # large bodies; each keeps one of the 40 threads in which a process answers
CHUNK = 2**18  # bytes of a body, or pieces of an answer: what is kept in memory
PIECES = 16

_large = anyio.Semaphore(AT_ONCE)


def create_app() -> FastAPI:
    """The application of MLflow's basic-auth, with that bridge."""
    wsgi.WSGIResponder = _StreamingResponder  # type: ignore[misc] # looked up for each request
    handlers.open = _open  # type: ignore[attr-defined] # which hides the one of Python there
    return auth.create_app(app)


class _File(io.FileIO):
    """A file to be read; a loop over it gets a CHUNK at a time, whatever its lines are."""

    def __next__(self) -> bytes:
        if chunk := self.read(CHUNK):
            return chunk
        raise StopIteration


def _open(path: str | Path, mode: str) -> IO[bytes] | _File:
    return _File(path) if mode == "rb" else open(path, mode)


class _Body(io.RawIOBase):
    """The body of a request, read in a thread as it arrives."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._rest = memoryview(b"")
        self._more = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if not self._rest and self._more:
            self._rest = anyio.from_thread.run(self._next)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    async def _next(self) -> memoryview:
        """About a CHUNK, since each change of threads costs; less only at the end."""
        parts, size = [], 0
        while self._more and size < CHUNK:
            message = await self._receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            self._more = message.get("more_body", False)
        return memoryview(b"".join(parts))


class _StreamingResponder(wsgi.WSGIResponder):
    def __init__(self, app, scope: Scope) -> None:
        super().__init__(partial(_in_chunks, app), scope)
        self.stream_send, self.stream_receive = anyio.create_memory_object_stream[Message](PIECES)
        self._body: _Body | None = None

    async def __call__(self, receive: Receive, send: Send) -> None:
        send = _whole(send)
        if int(Headers(scope=self.scope).get("content-length", "0")) <= LARGE:
            await super().__call__(receive, send)
            return
        self._body = _Body(receive)
        async with _large:
            await super().__call__(_nothing, send)

    def wsgi(self, environ: dict, start_response) -> None:
        if self._body is not None:
            environ["wsgi.input"] = self._body
        super().wsgi(environ, start_response)


def _whole(send: Send) -> Send:
    """Holds an answer's head back until the first piece of its body is there.

    A replica killed between the two would leave half an answer. MLflow's client sends a request
    again that the proxy answers by 502, but not one whose answer breaks off.
    """
    head: list[Message] = []

    async def send_together(message: Message) -> None:
        if message["type"] == "http.response.start":
            head.append(message)
            return
        while head:
            await send(head.pop())
        await send(message)

    return send_together


async def _nothing() -> Message:
    return {"type": "http.request"}


def _in_chunks(app, environ: dict, start_response) -> Iterator[bytes]:
    """The answer in few pieces, each of which changes threads."""
    parts, size = [], 0
    for part in app(environ, start_response):
        parts.append(part)
        size += len(part)
        if size >= CHUNK:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join(parts)
