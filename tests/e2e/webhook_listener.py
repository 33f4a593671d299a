"""A web server of the test's own that webhooks are sent to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_SECONDS = 20


@dataclass(frozen=True)
class Delivery:
    """A request that a webhook made."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def payload(self) -> dict[str, Any]:
        """Its body."""
        payload: dict[str, Any] = json.loads(self.body)
        return payload

    def is_signed_with(self, secret: str) -> bool:
        """Whether its signature is right, checked as MLflow's documentation describes."""
        sent = (self.headers["X-MLflow-Delivery-Id"], self.headers["X-MLflow-Timestamp"])
        content = ".".join((*sent, self.body.decode()))
        digest = hmac.new(secret.encode(), content.encode(), hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return hmac.compare_digest(signature, self.headers["X-MLflow-Signature"])


class Listener:
    """Answers every POST with 200, and keeps it."""

    def __init__(self) -> None:
        self._received: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        received = self._received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.put(Delivery(dict(self.headers), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def next(self) -> Delivery:
        """The next request, waiting for it; raises ``queue.Empty`` if none comes."""
        return self._received.get(timeout=_SECONDS)

    def serve(self) -> None:
        """Answer until ``close``."""
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Stop, and free the port."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener on a free port of 127.0.0.1."""
    listener = Listener()
    thread = threading.Thread(target=listener.serve, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        listener.close()
        thread.join()
