# SPDX-License-Identifier: MIT
"""What CPSs hand on to each other: each PASSporT once to each peer, and never in circles."""
import json
import os
import threading
import time

from atis_case import DEST, ORIG, AtisCase
from bearer import Provider
from certhost import CertHost
from envelope import envelope
from harness import SLOW, free_port
from wire import request, until


def delivered(server, outcome="delivered"):
    return server.metrics()[f'cpsd_republished_total{{outcome="{outcome}"}}']


class Republish(AtisCase):
    """Two CPSs that are each other's peers, each with an SPC of its own."""

    def pair(self, **keys):
        ports = [free_port() for _ in range(2)]
        servers = []
        for i, who in enumerate((self.alice, self.bob)):
            servers.append(self.atis(
                server__listen=f"127.0.0.1:{ports[i]}", atis__peers=f"https://localhost:{ports[1 - i]}",
                atis__certificate=who.cert_file, atis__private_key=who.key_file, atis__ca_file=self.certificate[0],
                log__level="info", atis__peer_timeout_ms=30000, **keys,
            ))  # fmt: skip
        return servers

    def test_each_once_and_no_loop(self):
        one, other = self.pair()
        some = {f"/passports/{DEST}/1202555{i:04}": [envelope() for _ in range(1 + i % 3)] for i in range(20)}
        for i, (path, passports) in enumerate(some.items()):
            self.created((one, other)[i % 2], path, passports)
        for path, passports in some.items():
            for server in (one, other):
                until(lambda: self.passports(server, path) == passports, 5 * SLOW, path)
        until(lambda: delivered(one) + delivered(other) == 20, 5 * SLOW, "all are handed on")
        # a loop would be in the queues before these
        for i, server in enumerate((one, other)):
            path = f"/passports/{DEST}/1202556{i:04}"
            some[path] = [envelope()]
            self.created(server, path, some[path])
        until(lambda: delivered(one) + delivered(other) >= 22, 5 * SLOW, "these are handed on")
        counts = [server.metrics() for server in (one, other)]
        self.assertEqual([delivered(server) for server in (one, other)], [11, 11])
        for metrics in counts:
            publishes = {name: n for name, n in metrics.items() if name.startswith('cpsd_requests_total{route="atis_pub')}
            self.assertEqual(publishes, {'cpsd_requests_total{route="atis_publish",status="201"}': 22})
            self.assertEqual(metrics['cpsd_republished_total{outcome="refused"}'], 0)
            self.assertEqual(metrics["cpsd_republish_pending"], 0)
            self.assertEqual(metrics["cpsd_stored_total"], sum(map(len, some.values())))

    def test_what_is_not_handed_on(self):
        """A publish for one provider; one that was there already; a retry."""
        one, other = self.pair()
        path, some = f"/passports/{DEST}/{ORIG}", [envelope()]
        self.created(one, f"/passports/2222/{DEST}/{ORIG}", some)
        for _ in range(3):
            self.created(one, path, some)
        self.created(one, path, some, fields={"Idempotency-Key": "k"})
        last = f"/passports/{DEST}/12025569999"
        self.created(one, last, [envelope()])  # all that is handed on is in the queue before it
        until(lambda: self.get(other, last).status == 200, 5 * SLOW, "the last one is handed on")
        until(lambda: delivered(one) >= 2, 5 * SLOW, "both are counted")
        self.assertEqual((delivered(one), self.passports(other, path)), (2, some))
        self.assertError(self.get(other, f"/passports/2222/{DEST}/{ORIG}"), 404)

    def test_answered_before_it_spreads_and_tried_again(self):
        """The peer starts later: the publisher does not notice, and what still lives arrives."""
        port = free_port()
        one = self.atis(
            atis__peers=f"https://localhost:{port}", atis__certificate=self.alice.cert_file, atis__queue_max=2,
            atis__private_key=self.alice.key_file, atis__ca_file=self.certificate[0], server__workers=1,
        )  # fmt: skip
        paths = [f"/passports/{DEST}/1202555010{i}" for i in range(4)]
        some = [envelope()]
        for path in paths:
            self.created(one, path, some)
        until(lambda: one.metrics()["cpsd_republish_retries_total"] >= 2, 5 * SLOW, "it is tried again")
        self.assertEqual(delivered(one, "dropped"), 2)  # the queue takes two
        other = self.atis(server__listen=f"127.0.0.1:{port}")
        until(lambda: delivered(one) == 2, 10 * SLOW, "the peer is up")
        self.assertEqual([self.passports(other, path) for path in paths], [some, some, [], []])

    def test_a_peer_that_never_comes(self):
        one = self.atis(
            atis__peers=f"https://localhost:{free_port()}", atis__certificate=self.alice.cert_file, atis__retention_s=1,
            atis__private_key=self.alice.key_file, atis__ca_file=self.certificate[0],
        )  # fmt: skip
        self.created(one, f"/passports/{DEST}/{ORIG}", [envelope()])
        until(lambda: delivered(one, "expired") == 1, 5 * SLOW, "it is given up")
        self.assertEqual(one.metrics()["cpsd_republish_pending"], 0)

    def test_a_stop_waits_for_the_peers(self):
        port = free_port()
        one = self.atis(
            atis__peers=f"https://localhost:{port}", atis__certificate=self.alice.cert_file,
            atis__private_key=self.alice.key_file, atis__ca_file=self.certificate[0], server__drain_timeout_s=60,
        )  # fmt: skip
        some = [envelope()]
        self.created(one, f"/passports/{DEST}/{ORIG}", some)
        stopping = threading.Thread(target=one.stop)
        stopping.start()
        other = self.atis(server__listen=f"127.0.0.1:{port}")
        until(lambda: self.passports(other, f"/passports/{DEST}/{ORIG}") == some, 10 * SLOW, "it is handed on")
        stopping.join(60)
        self.assertFalse(one.running())

    def test_reload(self):
        """Peers come with a reload; a wrong set changes nothing."""
        one, other = self.atis(), self.atis()
        path, some = f"/passports/{DEST}/{ORIG}", [envelope()]
        good = {"atis__certificate": self.alice.cert_file, "atis__private_key": self.alice.key_file,
                "atis__ca_file": self.certificate[0], "atis__peers": f"https://localhost:{other.address[1]}"}  # fmt: skip
        self.assertIn("does not belong to", one.reload(**{**good, "atis__private_key": self.bob.key_file}))
        self.created(one, f"/passports/{DEST}/12025550198", some)
        self.assertIn("in use", one.reload(**good))
        self.created(one, path, some)
        until(lambda: delivered(one) == 1, 5 * SLOW, "it is handed on")
        self.assertEqual(self.passports(other, path), some)
        self.assertEqual(self.passports(other, f"/passports/{DEST}/12025550198"), [])

    def test_what_peers_must_show(self):
        """Both tokens count, and the original one is judged by its own time."""
        server = self.atis(atis__retention_s=5)
        path, some = f"/passports/{DEST}/{ORIG}", [envelope()]

        def inner(action="publish", **changes):
            return self.alice.token(action, DEST, ORIG, some, aud="elsewhere.example", **changes)

        def send(token, outer=None, target=path, passports=None):
            passports = passports or some
            outer = outer or self.bob.token("republish", *target.split("/")[-2:], passports)
            body = json.dumps({"passports": passports, "token": token} if token else {"passports": passports})
            return self.post(server, target, passports, outer, body)

        stranger = Provider(os.path.join(self.temp(), "pki"), "1111")
        good = inner()
        for name, token, status, word in (
            ("none", None, 400, "token"),
            ("no token", "x", 401, "original"),
            ("of another action", inner(action="republish"), 403, "original"),
            ("for another dest", self.alice.token("publish", "12025550101", ORIG, some), 403, "dest"),
            ("for another orig", self.alice.token("publish", DEST, "12025550101", some), 403, "orig"),
            ("for other PASSporTs", self.alice.token("publish", DEST, ORIG, [envelope()]), 401, "digest"),
            ("of an untrusted root", stranger.token("publish", DEST, ORIG, some), 401, "original"),
            ("of another's certificate", self.alice.token("publish", DEST, ORIG, some, {"x5c": self.bob.x5c}), 403, "iss"),
            ("with a broken signature", good[:-8] + ("A" if good[-8] != "A" else "B") + good[-7:], 401, "signature"),
            ("long over", inner(age=3600), 401, "no longer"),
            ("over by exp", inner(exp=int(time.time()) - 100), 401, "no longer"),
            ("from the future", inner(iat=int(time.time()) + 3600), 401, "future"),
        ):
            with self.subTest(name):
                self.assertError(send(token), status, word)
        self.assertEqual(self.passports(server, path), [])
        outer = self.alice.token("publish", DEST, ORIG, some)
        for name, token, answer in (("an hour old", None, send(good, self.bob.token("republish", DEST, ORIG, some, age=3600))),
                                    ("another aud", None, send(good, self.bob.token("republish", DEST, ORIG, some, aud="x.example")))):
            with self.subTest("outer " + name):
                self.assertError(answer, 401)
        self.assertError(send(good, self.bob.token("republish", DEST, ORIG, some), f"/passports/2222/{DEST}/{ORIG}"), 403)
        self.assertEqual(self.passports(server, path), [])
        # a minute old, used at its own CPS, for another aud: as it is between peers
        self.assertEqual(send(inner(age=50)).status, 201)
        self.assertEqual(self.passports(server, path), some)
        # the same once more: an answer may have been lost
        self.assertEqual(send(inner(age=50)).status, 201)
        self.assertEqual(self.passports(server, path), some)
        # with action publish the body's token means nothing
        self.assertEqual(send("x", outer).status, 201)

    def test_certificates_at_x5u(self):
        """What both tokens name is fetched: the CPS's own, and the publisher's, which takes its time."""
        host = CertHost(*self.certificate)
        self.addCleanup(host.close)
        slow = host.serve_slowly("/alice.pem", self.alice.pem, 0.5)
        mine = host.serve("/bob.pem", self.bob.pem)
        fetch = {"auth__x5u_ca_file": self.certificate[0], "auth__x5u_ports": host.port, "auth__x5u_allow_private": "yes",
                 "auth__x5u_timeout_ms": 20000}  # fmt: skip
        other = self.atis(**fetch)
        one = self.atis(
            atis__peers=other.url, atis__certificate=self.bob.cert_file, atis__private_key=self.bob.key_file,
            atis__x5u=mine, atis__ca_file=self.certificate[0], **fetch,
        )  # fmt: skip
        path, some = f"/passports/{DEST}/{ORIG}", [envelope()]
        token = self.alice.token("publish", DEST, ORIG, some, {"x5c": None, "x5u": slow})
        self.created(one, path, some, token)
        until(lambda: delivered(one) == 1, 10 * SLOW, "it is handed on")
        self.assertEqual(self.passports(other, path), some)
        self.assertEqual((host.gets["/alice.pem"], host.gets["/bob.pem"]), (2, 1))
        # a publisher's certificate that may not be fetched there
        body = json.dumps({"passports": some, "token": self.alice.token(
            "publish", DEST, "12025550101", some, {"x5c": None, "x5u": "https://localhost:1/alice.pem"})})  # fmt: skip
        outer = self.bob.token("republish", DEST, "12025550101", some)
        self.assertError(self.post(other, f"/passports/{DEST}/12025550101", some, outer, body), 401, "original")

    def test_f11_a_later_certificate_of_the_publisher(self):
        """It replaces, at the same x5u, the one that is cached for a day: the URL is asked once more."""
        host = CertHost(*self.certificate)
        self.addCleanup(host.close)
        x5u = host.serve("/alice.pem", self.alice.pem, Cache_Control="max-age=86400")
        later = Provider(os.path.dirname(self.alice.root), self.alice.spc, "later")
        server = self.atis(auth__x5u_ca_file=self.certificate[0], auth__x5u_ports=host.port, auth__x5u_allow_private="yes")

        def republished(publisher):
            some = [envelope()]
            token = publisher.token("publish", DEST, ORIG, some, {"x5c": None, "x5u": x5u})
            outer = self.bob.token("republish", DEST, ORIG, some)
            body = json.dumps({"passports": some, "token": token})
            return self.post(server, f"/passports/{DEST}/{ORIG}", some, outer, body).status

        self.assertEqual(republished(self.alice), 201)
        host.serve("/alice.pem", later.pem, Cache_Control="max-age=86400")
        # cpsd asks a URL again once 10 s have passed since it asked last
        until(lambda: republished(later) == 201, 60 * SLOW, "the later certificate is accepted")
        self.assertEqual(host.gets["/alice.pem"], 2)
        self.assertEqual(republished(self.alice), 401)

    def test_a_peer_that_goes_away_while_a_certificate_is_fetched(self):
        host = CertHost(*self.certificate)
        self.addCleanup(host.close)
        release = threading.Event()
        slow = host.serve_when("/alice.pem", self.alice.pem, release)
        server = self.atis(auth__x5u_ca_file=self.certificate[0], auth__x5u_ports=host.port, auth__x5u_allow_private="yes",
                           auth__x5u_timeout_ms=30000)  # fmt: skip
        self.addCleanup(release.set)
        path, some = f"/passports/{DEST}/{ORIG}", [envelope()]
        body = json.dumps({"passports": some,
                           "token": self.alice.token("publish", DEST, ORIG, some, {"x5c": None, "x5u": slow})})  # fmt: skip
        fields = {**self.bob.fields("republish", DEST, ORIG, some), "Content-Type": "application/json"}
        with server.connect() as connection:
            connection.send(request("POST", path, body, fields))
            until(lambda: host.gets.get("/alice.pem"), 5 * SLOW, "it is fetched")
        until(lambda: server.metrics().get('cpsd_requests_total{route="atis_publish",status="503"}') == 1, 5 * SLOW, "given up")
        self.assertError(self.get(server, path), 404)

    def test_policy(self):
        """Who may publish need not be allowed to republish."""
        server = self.atis(policy__republish="nobody")
        some = [envelope()]
        body = json.dumps({"passports": some, "token": self.alice.token("publish", DEST, ORIG, some)})
        outer = self.bob.token("republish", DEST, ORIG, some)
        self.assertError(self.post(server, f"/passports/{DEST}/{ORIG}", some, outer, body), 403, "republish")
        self.created(server, f"/passports/{DEST}/{ORIG}", some)
