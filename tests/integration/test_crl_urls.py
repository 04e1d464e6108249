# SPDX-License-Identifier: MIT
"""Revocation lists that are fetched ([trust] crl_urls): on a schedule, checked before they count."""
# presets: dev asan
import http.server
import os
import ssl
import threading
import time
import unittest

import sti
from callers import CallersCase, ask
from harness import SLOW
from wire import until


class Lists(http.server.BaseHTTPRequestHandler):
    """GET of a path gives what the server holds under it: a body, or a status; with an event, once that is set."""

    def do_GET(self):
        answer = self.server.lists.get(self.path, 404)
        self.server.asked.append(self.path)
        if isinstance(answer, tuple):
            answer[0].wait(60 * SLOW)
            answer = answer[1]
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
        until(lambda: {self.ask(server) for _ in range(12)} == {401}, 10 * SLOW, "it counts at every worker")
        self.assertEqual({self.ask(server, "holder by TN") for _ in range(12)}, {404})
        # an invalid list, or no answer, changes nothing
        for answer, says in ((sti.crl(self.ca)[:200], "ca.crl"), (b"", "0 octets"), (404, "answered 404"),
                             (302, "answered 302"),
                             (sti.crl(sti.Cert("ca", None, ca=True), indirect=True), "ca.crl")):  # fmt: skip
            with self.subTest(says=says):
                seen, asked = len(server.log()), len(self.site.asked)
                self.site.lists["/ca.crl"] = answer
                until(lambda: len(self.site.asked) > asked, 10 * SLOW, "it is asked again")
                until(lambda: "the previous one stays in use" in server.log()[seen:], 10 * SLOW, "it is said")
                self.assertLogged(says, server, seen)
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
        self.said(server, "ca.crl: no list is in use yet: ")
        self.said(server, "root.crl: a new one is in use")
        self.assertEqual(self.ask(server), 401)
        self.site.lists["/ca.crl"] = sti.crl(self.ca)
        until(lambda: self.ask(server) == 404, 10 * SLOW, "the holder comes in")

    def test_required_and_a_new_url(self):
        """A reload that adds a URL changes nothing before its first fetch has ended."""
        path = f"{self.temp()}/lists.pem"
        with open(path, "wb") as out:
            out.write(sti.crl(self.ca) + sti.crl(self.root))
        old = {"trust__crl_files": path, "trust__crl_urls": ""}
        url = f"{self.url}/new.crl"
        new = {"trust__crl_files": "", "trust__crl_urls": url}
        server = self.start(trust__crl_policy="required", **old)
        self.assertEqual(self.ask(server), 404)
        for answer, says, status in (
            (sti.crl(self.ca) + sti.crl(self.root), "a new one is in use", 404),
            (sti.crl(self.ca, [self.certs["holder by table"]]) + sti.crl(self.root), "a new one is in use", 401),
            (503, "no list is in use yet", 401),
        ):
            with self.subTest(says=says, status=status):
                release, asked = threading.Event(), len(self.site.asked)
                self.addCleanup(release.set)
                self.site.lists["/new.crl"] = (release, answer)
                seen = len(server.log())
                self.assertIn("previous roots and revocation lists stay in use until the new crl_urls have been fetched", server.reload(**new))
                until(lambda: len(self.site.asked) > asked, 10 * SLOW, "it is asked for")
                self.assertEqual({self.ask(server) for _ in range(12)}, {404})
                release.set()
                until(lambda: f"{url}: {says}" in server.log()[seen:], 10 * SLOW, says)
                until(lambda: {self.ask(server) for _ in range(12)} == {status}, 10 * SLOW, "the new set is in use")
                server.reload(**old)
                until(lambda: self.ask(server) == 404, 10 * SLOW, "as at first")

    def test_expiry_is_a_metric(self):
        """When each list ends, for an alert before nobody is trusted or nobody is revoked any more."""
        path = f"{self.temp()}/root.pem"
        with open(path, "wb") as out:
            out.write(sti.crl(self.root, life=(-1, 20)) + sti.crl(self.root, life=(-1, 3)))
        server = self.start(trust__crl_files=path)

        def days_left(name):
            at = server.metrics().get(f'cpsd_trust_list_expires_timestamp_seconds{{kind="crl",list="{name}"}}')
            return at and round((at - time.time()) / 86400)

        until(lambda: days_left(f"{self.url}/ca.crl") == 1, 10 * SLOW, "the fetched list's")
        until(lambda: days_left(path) == 3, 10 * SLOW, "of several lists in a file the first that ends")

    def test_other_authority(self):
        """The server of the lists has to be who it says."""
        server = self.start(trust__crl_ca_file=f"{self.dir}/roots.pem")
        self.said(server, "no list is in use yet: ")
        self.assertEqual(self.site.asked, [])

    def test_files_that_change(self):
        """A file of crl_files is read again on the same schedule, without SIGHUP."""
        path = f"{self.temp()}/ca.crl"

        def put(octets):
            with open(path + ".new", "wb") as out:
                out.write(octets)
            os.rename(path + ".new", path)

        put(sti.crl(self.ca))
        server = self.start(trust__crl_urls="", trust__crl_files=path)
        self.assertEqual(self.ask(server), 404)
        put(sti.crl(self.ca, [self.certs["holder by table"]]))
        self.said(server, f"revocation list {path}: a new one is in use")
        until(lambda: {self.ask(server) for _ in range(12)} == {401}, 10 * SLOW, "the new list counts")
        put(b"rubbish")
        self.said(server, f"revocation list {path}: the previous one stays in use: ")
        self.assertEqual({self.ask(server) for _ in range(12)}, {401})

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
