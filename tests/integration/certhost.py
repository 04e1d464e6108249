# SPDX-License-Identifier: MIT
"""An HTTPS server on loopback that serves certificates as a test wants them, and badly: what is asked of it is counted."""
import contextlib
import http.server
import ssl
import threading
import time

from harness import free_port


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        host = self.server.host
        with host.lock:
            host.gets[self.path] = host.gets.get(self.path, 0) + 1
        answer = host.answers.get(self.path, (404, b"", {}))
        with contextlib.suppress(OSError):
            if callable(answer):
                answer(self)
            else:
                status, body, fields = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **fields}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


class CertHost:
    """answers: path -> (status, body, fields), or a function that is given the handler. gets: path -> how often."""

    def __init__(self, certificate, key):
        self.answers, self.gets, self.lock, self.stopping = {}, {}, threading.Lock(), threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.host = self
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"https://localhost:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()

    def serve(self, path, body, status=200, **fields):
        self.answers[path] = (status, body, {name.replace("_", "-"): value for name, value in fields.items()})
        return self.url + path

    def serve_slowly(self, path, body, seconds):
        """Answers after this many seconds."""
        return self._serve_after(path, body, lambda: self.stopping.wait(seconds))

    def serve_when(self, path, body, event):
        """Answers once the event is set."""

        def wait():
            while not event.wait(0.05) and not self.stopping.is_set():
                pass

        return self._serve_after(path, body, wait)

    def _serve_after(self, path, body, wait):
        def answer(handler):
            wait()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        self.answers[path] = answer
        return self.url + path

    def serve_endlessly(self, path):
        """A little at a time, for ever."""

        def answer(handler):
            handler.send_response(200)
            handler.end_headers()
            while not self.stopping.is_set():
                handler.wfile.write(b"# and on\n")
                time.sleep(0.05)

        self.answers[path] = answer
        return self.url + path

    def serve_headers_endlessly(self, path):
        def answer(handler):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.stopping.is_set():
                handler.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")

        self.answers[path] = answer
        return self.url + path


def closed_port():
    """A port that nobody listens on."""
    return free_port()
