"""What the recipes talk to: a web server with moods, and a database if this machine has one to give."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar


class Moody(BaseHTTPRequestHandler):
    """Has every page but the thirteenth, and refuses each prompt once before it answers."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        number = int(self.path.rpartition("/")[2])
        if number == 13:
            self.answer(404, {"error": "there is no such page"})
        else:
            self.answer(200, {"number": number, "title": f"Page {number}"})

    def do_POST(self) -> None:
        prompt = json.loads(self.rfile.read(int(self.headers["content-length"])))["prompt"]
        self.asked[prompt] += 1
        if not prompt:
            self.answer(400, {"error": "the prompt is empty"})
        elif self.asked[prompt] == 1:
            self.answer(429, {"error": "too many requests"}, {"retry-after": "0.01"})
        else:
            self.answer(200, {"text": prompt.upper()})

    def answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Nothing: the test tells what went wrong."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def web() -> Iterator[str]:
    """The address of a server that is up until the block ends."""
    with _Server(("127.0.0.1", 0), Moody) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _user() -> str | None:
    """PostgreSQL refuses to run as root."""
    return "nobody" if os.geteuid() == 0 else None


@contextmanager
def postgres() -> Iterator[str | None]:
    """How to connect to a server of its own, over a socket in a folder of its own; None if none is installed here."""
    initdb, server = shutil.which("initdb"), shutil.which("postgres")
    if initdb is None or server is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as name:
        if user := _user():
            shutil.chown(name, user)
        data = str(Path(name, "data"))
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "user": user, "cwd": name}
        subprocess.run([initdb, "-D", data, "-U", "corral", "-A", "trust", "--no-sync"], check=True, **quiet)
        options = ["-D", data, "-k", name, "-c", "listen_addresses=", "-c", "fsync=off"]
        with subprocess.Popen([server, *options], **quiet) as process:
            try:
                _wait_for(Path(name, ".s.PGSQL.5432"), process)
                yield f"postgresql://corral@/postgres?host={name}"
            finally:
                process.terminate()


def _wait_for(socket: Path, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if socket.exists():
            return
        assert process.poll() is None, "postgres ended before it was ready"
        time.sleep(0.1)
    raise TimeoutError(f"postgres made no {socket}")
