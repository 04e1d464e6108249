"""Revocation lists that are fetched ([trust] crl_urls): on a schedule, checked before they count."""
# presets: dev asan
import http.server
import ssl
import threading
import unittest

import sti
from callers import CallersCase, ask
from harness import SLOW
from wire import until


class Lists(http.server.BaseHTTPRequestHandler):
    """GET of a path gives what the server holds under it: a body, or a status."""

    def do_GET(self):
        answer = self.server.lists.get(self.path, 404)
        self.server.asked.append(self.path)
        self.send_response(answer if isinstance(answer, int) else 200)
        body = b"" if isinstance(answer, int) else answer
        self.send_header("Content-Length", str(len(body)))
        if answer == 302:
            self.send_header("Location", "/moved.crl")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Fetched(CallersCase):
    """Lists of [trust] crl_urls."""

    def setUp(self):
        self.ca = self.certs["holder by table"].issuer
        self.site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lists)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        self.site.socket = context.wrap_socket(self.site.socket, server_side=True)
        self.site.lists, self.site.asked = {"/ca.crl": sti.crl(self.ca)}, []
        self.url = f"https://localhost:{self.site.server_address[1]}"
        threading.Thread(target=self.site.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(self.site.server_close)
        self.addCleanup(self.site.shutdown)

    def start(self, **more):
        keys = {**self.keys(), "trust__crl_files": "", "trust__crl_urls": f"{self.url}/ca.crl",
                "trust__crl_refresh_s": 1,
                "trust__crl_ca_file": self.certificate[0], "policy__delete": "holder", **more}  # fmt: skip
        return self.cpsd(**keys, server__workers=3)

    def ask(self, server, caller="holder by table"):
        with self.connect(caller, server) as connection:
            return ask(connection, "delete").status

    def said(self, server, words):
        until(lambda: words in server.log(), 10 * SLOW, f"cpsd says {words!r}")

    def test_on_schedule(self):
        server = self.start()
        self.said(server, f"revocation list {self.url}/ca.crl: a new one is in use")
        with self.connect("holder by table", server) as connection:
            self.assertEqual(ask(connection, "delete").status, 404)
            self.site.lists["/ca.crl"] = sti.crl(self.ca, [self.certs["holder by table"]])
            until(lambda: ask(connection, "delete").status == 401, 10 * SLOW, "the new list counts")
        self.assertEqual({self.ask(server) for _ in range(12)}, {401})
        self.assertEqual({self.ask(server, "holder by TN") for _ in range(12)}, {404})
        # one that is no good, or none at all, changes nothing
        for answer, says in ((sti.crl(self.ca)[:200], "ca.crl"), (b"", "0 octets"), (404, "answered 404"),
                             (302, "answered 302"),
                             (sti.crl(sti.Cert("ca", None, ca=True), indirect=True), "ca.crl")):  # fmt: skip
            with self.subTest(says=says):
                seen, asked = len(server.log()), len(self.site.asked)
                self.site.lists["/ca.crl"] = answer
                until(lambda: len(self.site.asked) > asked, 10 * SLOW, "it is asked again")
                until(lambda: "the one before stays in use" in server.log()[seen:], 10 * SLOW, "it is said")
                self.assertIn(says, server.log()[seen:])
                self.assertEqual(self.ask(server), 401)
        # a reload keeps what was fetched
        self.assertIn("are in use", server.reload(policy__publish="token"))
        self.assertEqual({self.ask(server) for _ in range(12)}, {401})
        # until its URL is gone
        server.reload(trust__crl_urls="")
        self.assertEqual({self.ask(server) for _ in range(12)}, {404})
        self.assertNotIn("/moved.crl", self.site.asked)

    def test_required(self):
        """Nobody comes in before the lists are there."""
        self.site.lists = {"/ca.crl": 503, "/root.crl": sti.crl(self.root)}
        server = self.start(trust__crl_policy="required", trust__crl_urls=f"{self.url}/ca.crl {self.url}/root.crl")
        self.said(server, "ca.crl: there is none yet: ")
        self.said(server, "root.crl: a new one is in use")
        self.assertEqual(self.ask(server), 401)
        self.site.lists["/ca.crl"] = sti.crl(self.ca)
        until(lambda: self.ask(server) == 404, 10 * SLOW, "the holder comes in")

    def test_other_authority(self):
        """The server of the lists has to be who it says."""
        server = self.start(trust__crl_ca_file=f"{self.dir}/roots.pem")
        self.said(server, "there is none yet: ")
        self.assertEqual(self.site.asked, [])

    def test_stops_while_it_fetches(self):
        waiting = threading.Event()
        self.addCleanup(waiting.set)

        class Slow(Lists):
            def do_GET(self):
                waiting.wait(30)

        self.site.RequestHandlerClass = Slow
        server = self.start()
        until(lambda: "ready" in server.log(), 10 * SLOW, "it runs")
        server.stop(5 * SLOW)


if __name__ == "__main__":
    unittest.main()
