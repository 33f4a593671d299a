"""Endpoints that answer as DynamoDB does when something is wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/mlflow"


def denied(action: str, reason: str, resource: str = _TABLE) -> dict[str, str]:
    """What AWS answers where an action is denied, with the reason that it gives."""
    return {
        "__type": "com.amazon.coral.service#AccessDeniedException",
        "Message": (
            "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: "
            f"{action} on resource: {resource} {reason}"
        ),
    }


DENIED = denied(
    "dynamodb:DescribeTable",
    "because no identity-based policy allows the dynamodb:DescribeTable action",
)
MISSING = {
    "__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
    "message": "Requested resource not found: Table: mlflow not found",
}
UNKNOWN_CLIENT = {
    "__type": "com.amazon.coral.service#UnrecognizedClientException",
    "message": "The security token included in the request is invalid.",
}
EXPIRED_TOKEN = {
    "__type": "com.amazon.coral.service#ExpiredTokenException",
    "message": "The security token included in the request is expired",
}
WRONG_SIGNATURE = {
    "__type": "com.amazon.coral.service#InvalidSignatureException",
    "message": (
        "The request signature we calculated does not match the signature you provided. Check "
        "your AWS Secret Access Key and signing method. Consult the service documentation for "
        "details."
    ),
}


@contextmanager
def answering(body: Mapping[str, Any], status: int = 400) -> Iterator[str]:
    """The URL of an endpoint that gives every request the same answer."""
    with serving(status, "application/x-amz-json-1.0", json.dumps(body).encode()) as url:
        yield url


@contextmanager
def serving(status: int, content_type: str, encoded: bytes) -> Iterator[str]:
    """The URL of an endpoint that answers every POST with these bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
