"""The ATIS interface: PASSporTs by destination and originator, and what CPSs hand on to each other."""
import json
import os
import threading
import time

import wire
from bearer import Provider, digest_of_body
from certhost import CertHost
from envelope import envelope, envelope_id
from harness import CPSD, SLOW, Case, free_port, make_certificate, run
from wire import request, until

DEST, ORIG = "12025550100", "12025550199"
RFC8225 = (  # appendix A.1: signed, not encrypted
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZXN0Ij"
    "p7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0.rq3pj"
    "T1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w"
)


def delivered(server, outcome="delivered"):
    return server.metrics()[f'cpsd_republished_total{{outcome="{outcome}"}}']


class AtisCase(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pki = os.path.join(cls.dir, "pki")
        cls.alice, cls.bob = Provider(cls.pki, "1111"), Provider(cls.pki, "2222")
        cls.certificate = make_certificate(cls.dir, "tls")

    def atis(self, **keys):
        return self.cpsd(certificate=self.certificate, trust__roots=self.alice.root, auth__audience="localhost", **keys)

    def post(self, server, path, passports, token=None, body=None, fields=()):
        dest, orig = path.split("/")[-2:]
        exp = {"exp": int(time.time()) + 30} if path.count("/") == 4 else {}
        token = token or self.alice.token("publish", dest, orig, passports, **exp)
        body = body or json.dumps({"passports": passports})
        return server.request("POST", path, body, {"Authorization": "Bearer " + token, "Content-Type": "application/json",
                                                   **dict(fields)})  # fmt: skip

    def get(self, server, path, query="", who=None):
        dest, orig = path.split("/")[-2:]
        return server.request("GET", path + query, fields=(who or self.bob).fields("retrieve", dest, orig))

    def created(self, *args, **keys):
        answer = self.post(*args, **keys)
        self.assertEqual((answer.status, answer.body), (201, b'{"status":201,"message":"Created"}'), answer)

    def passports(self, *args):
        answer = self.get(*args)
        self.assertIn(answer.status, (200, 404), answer)
        return answer.json()["passports"] if answer.status == 200 else []

    def assertError(self, answer, status, word=""):
        """An error as ATIS has it, and a problem too."""
        self.assertProblem(answer, status, word)
        self.assertTrue(answer.json()["error"].strip(), answer)


class Atis(AtisCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd(certificate=cls.certificate, trust__roots=cls.alice.root, auth__audience="localhost",
                                    server__list_max_entries=3, server__public_url="https://cps.example")  # fmt: skip

    def test_one_name_for_one_place(self):
        """However number and URI are written: it is the canonical form that counts, also in the token."""
        one, two = envelope(), envelope()
        self.created(self.server, "/passports/+1.202.555.0111/1-202-555-0112", [one])
        self.created(self.server, "/passports/12025550111/%2B12025550112/", [two],
                     token=self.alice.token("publish", "12025550111", "12025550112", [two]))  # fmt: skip
        self.assertEqual(self.passports(self.server, "/passports/12025550111/12025550112"), [one, two])
        self.created(self.server, "/passports/urn%3aSERVICE%3Asos/sip%3Aalice%40Example.COM", [one])
        self.assertEqual(self.passports(self.server, "/passports/urn%3Aservice%3Asos/sip%3Aalice%40example.com"), [one])

    def test_nobody_else_reaches_a_box(self):
        """Not another call, not the other shape of the path, not the interface of RFC 8816."""
        one = envelope()
        self.created(self.server, f"/passports/{DEST}/{ORIG}", [one])
        for path in (f"/passports/{ORIG}/{DEST}", f"/passports/2222/{DEST}/{ORIG}", f"/passports/{DEST}/12025550198"):
            self.assertError(self.get(self.server, path), 404)
        for dest in (f"%2Fpassports%2F{DEST}%2F{ORIG}", f"atis%3A%2F{DEST}%2F{ORIG}"):
            answer = self.server.request("GET", f"/cps/{dest}/ppts", fields={"Accept": "application/json"})
            self.assertNotIn(one.encode(), answer.body)
        answer = self.server.request("GET", f"/cps/{DEST}/ppts/{envelope_id(one)}")
        self.assertProblem(answer, 404)

    def test_parts(self):
        some = [envelope() for _ in range(7)]
        path = "/passports/12025550121/12025550122"
        self.created(self.server, path, some)
        self.created(self.server, path, some[3:])  # again: nothing is doubled
        answer, seen = self.get(self.server, path), []
        while True:
            seen.append(answer.json()["passports"])
            if not answer.get("Link"):
                break
            start = f"<https://cps.example{path}"
            self.assertTrue(answer.get("Link").startswith(start + "?after="), answer)
            answer = self.get(self.server, path, answer.get("Link").split(">")[0][len(start) :])
        self.assertEqual([len(part) for part in seen], [3, 3, 1])
        self.assertEqual(sum(seen, []), some)

    def test_for_one_provider(self):
        one, path = envelope(), "/passports/2222/12025550131/12025550132"
        self.created(self.server, path, [one])
        self.assertEqual(self.passports(self.server, path), [one])
        self.assertError(self.get(self.server, path, who=self.alice), 403, "SPC")
        self.assertError(self.server.request("GET", path), 401)
        # whatever the certificate covers, it is the token that says for whom it asks
        self.assertError(self.get(self.server, path.replace("2222", "222")), 403)

    def test_for_one_provider_whatever_the_policy(self):
        """Open to all, and it is still the provider's: by token or by certificate."""
        server = self.atis(policy__atis_publish="open", policy__atis_retrieve="open", server__client_certificates="optional")
        one, path = envelope(), "/passports/2222/12025550131/12025550132"
        body, fields = json.dumps({"passports": [one]}), {"Content-Type": "application/json"}
        self.assertEqual(server.request("POST", path, body, fields).status, 201)
        self.assertError(server.request("GET", path), 401, "of that provider")
        self.assertError(self.get(server, path, who=self.alice), 403)
        for who, status in ((self.alice, 403), (self.bob, 200)):
            context = wire.tls_context(self.certificate[0])
            context.load_cert_chain(who.cert_file, who.key_file)
            with wire.Wire(server.address, context) as connection:
                self.assertEqual(connection.request("GET", path).status, status, who.spc)
        self.assertEqual(self.passports(server, path), [one])

    def test_bodies(self):
        path, one = "/passports/12025550141/12025550142", envelope()
        for name, body, status, word in (
            ("twice", f'{{"passports":["{one}"],"passports":["{one}"]}}', 400, "twice"),
            ("not JSON", "{", 400, "body"),
            ("nothing", '{"passports":[]}', 400, "one or more"),
            ("no strings", '{"passports":[1]}', 400, "passports[0]"),
            ("too many", json.dumps({"passports": [one[:60]] * 11}), 413, "more than 10"),
            ("no envelope", '{"passports":["x"]}', 422, "five parts"),
            ("not encrypted", json.dumps({"passports": [RFC8225]}), 422, "accept = any"),
        ):
            with self.subTest(name):
                token = self.alice.token("publish", *path.split("/")[-2:], digest_of_body(body))
                answer = self.post(self.server, path, [], token, body)
                self.assertError(answer, status, word)
                self.assertNotIn(one[:40].encode(), answer.body)
        self.assertError(self.post(self.server, path, [one], fields={"Content-Type": "text/plain"}), 415)
        self.assertError(self.get(self.server, path), 404)

    def test_any(self):
        server = self.atis(atis__accept="any")
        some = [RFC8225, envelope()]
        self.created(server, f"/passports/{DEST}/{ORIG}", some)
        self.assertEqual(self.passports(server, f"/passports/{DEST}/{ORIG}"), some)

    def test_retention(self):
        server = self.atis(atis__retention_s=1, atis__retention_max_s=3)
        start = time.monotonic()
        paths = [f"/passports/{DEST}/{ORIG}", f"/passports/2222/{DEST}/{ORIG}", f"/passports/2222/{DEST}/12025550198"]
        self.created(server, paths[0], [envelope()])
        self.created(server, paths[1], [envelope()])  # exp is 30 s from now, 3 is the most
        soon = [envelope()]
        token = self.alice.token("publish", *paths[2].split("/")[-2:], soon, exp=int(time.time()) + 2)
        self.created(server, paths[2], soon, token)
        until(lambda: not self.passports(server, paths[0]), 3 * SLOW, "local policy is over")
        self.assertGreater(time.monotonic() - start, 0.9)
        until(lambda: not self.passports(server, paths[2]), 4 * SLOW, "exp is over")
        until(lambda: not self.passports(server, paths[1]), 5 * SLOW, "the longest life is over")
        self.assertGreater(time.monotonic() - start, 2.5)

    def test_idempotency_key(self):
        """One CPS is several servers: what one of them was asked, another knows."""
        redis = self.redis()
        one, other = (self.atis(store__url=redis.url, server__workers=1) for _ in range(2))
        path, some = f"/passports/{DEST}/{ORIG}", [envelope(), envelope()]
        self.created(one, path, some, fields={"Idempotency-Key": "k"})
        for server in (one, other):
            self.created(server, path, some, fields={"Idempotency-Key": "k"})
            self.assertError(self.post(server, path, some[:1], fields={"Idempotency-Key": "k"}), 422, "another body")
        self.created(other, path, some[:1], fields={"Idempotency-Key": "l"})
        self.created(other, path.replace(ORIG, "12025550198"), some[:1], fields={"Idempotency-Key": "k"})
        token = self.bob.token("publish", DEST, ORIG, some[:1])
        self.created(other, path, some[:1], token, fields={"Idempotency-Key": "k"})
        self.assertEqual(self.passports(one, path), some)
        token = self.alice.token("publish", DEST, ORIG, some)
        self.created(one, path, some, token, fields={"Idempotency-Key": "k"})
        self.assertError(self.post(other, path, some, token, fields={"Idempotency-Key": "k"}), 401, "before")
        self.assertError(self.post(other, path, some, token), 401, "before")

    def test_a_key_outlives_what_it_brought(self):
        """The first answer again, and nothing that is over comes back."""
        server = self.atis(atis__retention_s=1)
        path, some = f"/passports/{DEST}/{ORIG}", [envelope()]
        self.created(server, path, some, fields={"Idempotency-Key": "k"})
        self.assertEqual(self.passports(server, path), some)
        until(lambda: not self.passports(server, path), 3 * SLOW, "it has expired")
        self.created(server, path, some, fields={"Idempotency-Key": "k"})
        self.assertError(self.get(server, path), 404)
        self.assertError(self.post(server, path, [envelope()], fields={"Idempotency-Key": "k"}), 422)

    def test_a_failed_request_frees_its_key(self):
        server = self.atis(store__box_limit=1, atis__retention_s=1)
        path, some = f"/passports/{DEST}/{ORIG}", [envelope(), envelope()]
        self.assertError(self.post(server, path, some, fields={"Idempotency-Key": "k"}), 429)
        until(lambda: not self.passports(server, path), 3 * SLOW, "the first has expired")
        self.created(server, path, some[1:], fields={"Idempotency-Key": "k"})

    def test_configuration(self):
        """What is wrong with peers is said before anything starts."""
        base = ["-o", "listen=", "-o", "listen_plain=127.0.0.1:0", "-o", f"atis.certificate={self.alice.cert_file}", "-o",
                f"atis.private_key={self.alice.key_file}"]  # fmt: skip
        for options, word in (
            (["atis.peers=https://a.example"], None),
            (["atis.peers=https://a.example:8443/ https://b.example/cps,https://[::1]:1"], None),
            (["atis.peers=http://a.example"], "[atis] peers: http://a.example"),
            (["atis.peers=https://a.example?x"], "[atis] peers"),
            (["atis.peers=https://u@a.example"], "[atis] peers"),
            (["atis.peers=" + " ".join(f"https://a{i}.example" for i in range(17))], "more than 16"),
            (["atis.peers=https://a.example", "atis.certificate="], "needs certificate and private_key"),
            (["atis.peers=https://a.example", f"atis.private_key={self.bob.key_file}"], "not the key of"),
            (["atis.peers=https://a.example", f"atis.certificate={self.certificate[0]}"], self.certificate[0]),
            (["atis.peers=https://a.example", "atis.private_key=/nonexistent"], "/nonexistent"),
            (["atis.peers=https://a.example", "atis.x5u=http://a.example/c.pem"], "x5u"),
        ):
            with self.subTest(options):
                done = run(CPSD, "-t", *base, *[w for o in options for w in ("-o", o)], status=None)
                self.assertEqual(done.returncode != 0, word is not None, done)
                self.assertIn(word or "good", (done.stderr + done.stdout).decode())


class Republish(AtisCase):
    """Two CPSs that are each other's peers, each with an SPC of its own."""

    def pair(self, **keys):
        ports = [free_port() for _ in range(2)]
        servers = []
        for i, who in enumerate((self.alice, self.bob)):
            servers.append(self.atis(
                server__listen=f"127.0.0.1:{ports[i]}", atis__peers=f"https://localhost:{ports[1 - i]}",
                atis__certificate=who.cert_file, atis__private_key=who.key_file, atis__ca_file=self.certificate[0],
                log__level="info", **keys,
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
        time.sleep(0.5)  # a loop would show
        counts = [server.metrics() for server in (one, other)]
        self.assertEqual([delivered(server) for server in (one, other)], [10, 10])
        for metrics in counts:
            publishes = {name: n for name, n in metrics.items() if name.startswith('cpsd_requests_total{route="atis_pub')}
            self.assertEqual(publishes, {'cpsd_requests_total{route="atis_publish",status="201"}': 20})
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
        until(lambda: delivered(one) == 1, 5 * SLOW, "it is handed on")
        time.sleep(0.3)
        self.assertEqual((delivered(one), self.passports(other, path)), (1, some))
        self.assertError(self.get(other, f"/passports/2222/{DEST}/{ORIG}"), 404)

    def test_answered_before_it_spreads_and_tried_again(self):
        """The peer starts later: the publisher does not notice, and what still lives arrives."""
        port = free_port()
        one = self.atis(
            atis__peers=f"https://localhost:{port}", atis__certificate=self.alice.cert_file, atis__queue_max=2,
            atis__private_key=self.alice.key_file, atis__ca_file=self.certificate[0], server__workers=1,
        )  # fmt: skip
        paths = [f"/passports/{DEST}/1202555010{i}" for i in range(4)]
        some, start = [envelope()], time.monotonic()
        for path in paths:
            self.created(one, path, some)
        self.assertWithin(start, 1, "four answers with the peer away")
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
            atis__private_key=self.alice.key_file, atis__ca_file=self.certificate[0],
        )  # fmt: skip
        some = [envelope()]
        self.created(one, f"/passports/{DEST}/{ORIG}", some)
        stopping = threading.Thread(target=one.stop)
        stopping.start()
        other = self.atis(server__listen=f"127.0.0.1:{port}")
        until(lambda: self.passports(other, f"/passports/{DEST}/{ORIG}") == some, 10 * SLOW, "it is handed on")
        stopping.join(20)
        self.assertFalse(one.running())

    def test_reload(self):
        """Peers come with a reload; a wrong set changes nothing."""
        one, other = self.atis(), self.atis()
        path, some = f"/passports/{DEST}/{ORIG}", [envelope()]
        good = {"atis__certificate": self.alice.cert_file, "atis__private_key": self.alice.key_file,
                "atis__ca_file": self.certificate[0], "atis__peers": f"https://localhost:{other.address[1]}"}  # fmt: skip
        self.assertIn("not the key of", one.reload(**{**good, "atis__private_key": self.bob.key_file}))
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
            ("from the future", inner(iat=int(time.time()) + 3600), 401, "ahead"),
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
        fetch = {"auth__x5u_ca_file": self.certificate[0], "auth__x5u_ports": host.port, "auth__x5u_allow_private": "yes"}
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

    def test_a_peer_that_goes_away_while_a_certificate_is_fetched(self):
        host = CertHost(*self.certificate)
        self.addCleanup(host.close)
        slow = host.serve_slowly("/alice.pem", self.alice.pem, 2)
        server = self.atis(auth__x5u_ca_file=self.certificate[0], auth__x5u_ports=host.port, auth__x5u_allow_private="yes")
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
