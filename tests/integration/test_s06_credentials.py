# SPDX-License-Identifier: MIT
"""S6: refused credentials are cheap. They are limited before anything of them is checked, and at nobody else's cost."""
# presets: dev asan
import base64
import threading
import time

from envelope import envelope
from sti import Cert
from token_case import DEST, TokenCase
from wire import Wire, request, until

STRANGER = "127.0.0.2"


class Credentials(TokenCase):
    @classmethod
    def keys(cls, **more):
        return super().keys(server__listen_plain="127.0.0.1:0", **more)

    def forged(self, body="", **claims):
        """A token that is as it should be but for its signature."""
        token = self.token(body, **claims)
        head, _ = token.rsplit(".", 1)
        return f"{head}.{self.token('').rsplit('.', 1)[1]}"

    def retrieval(self, make):
        return make(action="retrieve", passports=None)

    def list_request(self, token):
        return request("GET", f"/cps/{DEST}/ppts", fields={"Authorization": f"Bearer {token}"})

    def flood(self, server, requests):
        """Sends requests on one connection, without TLS: two threads use it. Returns how many answers there were of each
        status."""
        statuses = {}
        with Wire(server.plain, source=STRANGER) as connection:
            sender = threading.Thread(target=lambda: [connection.send(octets) for octets in requests])
            sender.start()
            for _ in requests:
                status = connection.response().status
                statuses[status] = statuses.get(status, 0) + 1
            sender.join()
        return statuses

    def checked(self, server):
        """Signatures that were checked without success."""
        return server.metrics()['cpsd_tokens_refused_total{reason="signature"}']

    def test_bad_tokens_are_limited_before_they_are_checked(self):
        server = self.cpsd(**self.keys(limits__read_by_address=5, limits__burst_s=1))
        good = self.retrieval(lambda **claims: self.token("", **claims))
        forged = self.list_request(self.retrieval(lambda **claims: self.forged(**claims)))
        self.assertEqual(server.request("GET", f"/cps/{DEST}/ppts", fields={"Authorization": f"Bearer {good}"}).status, 200)
        start = time.monotonic()
        statuses = self.flood(server, [forged] * 300)
        most = 5 + 5 * (time.monotonic() - start) + 1
        self.assertEqual(set(statuses), {401, 429})
        self.assertLessEqual(statuses[401], most)
        self.assertEqual(self.checked(server), statuses[401], "whatever is answered 429 was not checked")
        self.assertEqual(server.metrics()["cpsd_credentials_unchecked_total"], statuses[429])
        with server.connect(source=STRANGER) as connection:
            connection.send(forged)
            answer = connection.response()
            while answer.status != 429:
                connection.send(forged)
                answer = connection.response()
        self.assertProblem(answer, 429, "client address")

    def test_good_credentials_are_not_limited_by_address(self):
        server = self.cpsd(**self.keys(limits__read_by_address=1, limits__publish_by_address=1, limits__burst_s=1))
        for _ in range(20):
            body = envelope()
            self.assertEqual(self.post(server, self.token(body), body).status, 201)
            token = self.retrieval(lambda **claims: self.token("", **claims))
            fields = {"Authorization": f"Bearer {token}"}
            self.assertEqual(server.request("GET", f"/cps/{DEST}/ppts", fields=fields).status, 200)

    def test_naming_a_provider_spends_nothing_of_its_budget(self):
        """10,000 forged tokens in the name of 1234 while 1234 publishes."""
        server = self.cpsd(**self.keys(limits__publish_by_address=50, limits__publish_by_spc=20))
        body = envelope()
        forged = request("POST", f"/cps/{DEST}/ppts", body, {"Authorization": f"Bearer {self.forged(body)}"})
        statuses = {}
        start = time.monotonic()
        stranger = threading.Thread(target=lambda: statuses.update(self.flood(server, [forged] * 10000)))
        stranger.start()
        for _ in range(50):
            body = envelope()
            self.assertEqual(self.post(server, self.token(body), body).status, 201)
        stranger.join()
        self.assertEqual(set(statuses), {401, 429})
        self.assertLessEqual(self.checked(server), 50 * (5 + time.monotonic() - start) + 1)

    def with_chain(self, *certs, **claims):
        """A request whose token carries these certificates, and does not verify."""
        x5c = [base64.b64encode(cert.der).decode() for cert in certs]
        return self.list_request(self.forged(action="retrieve", passports=None, header={"x5u": None, "x5c": x5c}, **claims))

    def test_new_certificates_are_limited_by_address_and_issuer(self):
        """A fresh chain in each request, whoever it says that it is from."""
        root = Cert("Strangers", ca=True)
        fresh = [Cert(f"fresh {i}", root, "spc:1234", key=root.key) for i in range(300)]
        for what, claims, rate in (("one issuer", lambda i: {}, 1),
                                   ("many issuers", lambda i: {"iss": f"{i}", "spc": f"{i}"}, 2)):  # fmt: skip
            with self.subTest(what):
                server = self.cpsd(**self.keys(limits__read_by_address=0, limits__chains_by_address=2, limits__burst_s=1))
                requests = [self.with_chain(cert, **claims(i)) for i, cert in enumerate(fresh)]
                start = time.monotonic()
                statuses = self.flood(server, requests)
                most = rate * (1 + time.monotonic() - start) + 1
                self.assertEqual(set(statuses), {401, 429})
                verified = server.metrics()["cpsd_certificate_verifications_total"]
                self.assertEqual(verified, statuses[401], "whatever is answered 429 was not verified")
                self.assertLessEqual(verified, most)
                body = envelope()
                self.assertEqual(self.post(server, self.token(body), body).status, 201, "another address has its own")

    def publish(self, server, cert, **header):
        body = envelope()
        self.assertEqual(self.post(server, self.token(body, cert, header), body).status, 201)

    def test_good_chains_stay_in_the_cache(self):
        """1,020 requests that nobody signed, each with a public chain and one odd certificate appended."""
        server = self.cpsd(**self.keys(limits__read_by_address=0, limits__chains_by_address=0))
        by_x5u, by_x5c = Cert("by x5u", self.inter, "spc:1234"), Cert("by x5c", self.inter, "spc:1234")
        headers = {by_x5u: {"x5u": self.host.serve("/stays.pem", by_x5u.chain_pem)},
                   by_x5c: {"x5u": None, "x5c": [base64.b64encode(c.der).decode() for c in by_x5c.chain]}}  # fmt: skip
        for cert, header in headers.items():
            self.publish(server, cert, **header)
        self.assertEqual(server.metrics()["cpsd_certificates_good"], 2)
        odd = [Cert(f"odd {i}", ca=True, key=self.root.key) for i in range(1020)]
        public = [by_x5c if i % 4 else self.sp for i in range(1020)]  # nobody has signed with the latter here
        statuses = self.flood(server, [self.with_chain(*cert.chain, odd[i]) for i, cert in enumerate(public)])
        self.assertEqual(statuses, {401: 1020})
        metrics = server.metrics()
        self.assertEqual(metrics["cpsd_certificates_good"], 2)
        self.assertLess(metrics["cpsd_certificate_verifications_total"], 300, "an odd certificate makes no new chain")
        for cert, header in headers.items():
            self.publish(server, cert, **header)
        self.assertEqual(self.host.gets["/stays.pem"], 1)

    def test_a_slow_host_delays_nobody_else(self):
        """220 tokens name certificates at a host that does not answer; the certificate of another host is fetched."""
        server = self.cpsd(**self.keys(limits__publish_by_address=0, limits__chains_by_address=0))
        answers = threading.Event()
        self.addCleanup(answers.set)
        other = Cert("other", self.inter, "spc:1234")
        connections = [Wire(server.plain, source=STRANGER) for _ in range(220)]
        for i, connection in enumerate(connections):
            self.addCleanup(connection.close)
            x5u = self.host.serve_when(f"/slow/{i}.pem", self.sp.chain_pem, answers)
            body = envelope()
            fields = {"Authorization": f"Bearer {self.token(body, header={'x5u': x5u})}"}
            connection.send(request("POST", f"/cps/{DEST}/ppts", body, fields))
        asked = until(lambda: server.metrics()["cpsd_certificate_fetches_total"] == 220 and dict(self.host.gets), 60, "asked")
        self.assertLess(sum(1 for path in asked if path.startswith("/slow/")), 220, "a host has a share")
        x5u = self.host.serve("/other.pem", other.chain_pem).replace("localhost", "127.0.0.1")
        self.publish(server, other, x5u=x5u)
        metrics = server.metrics()
        self.assertEqual(metrics["cpsd_tokens_accepted_total"], 1)
        self.assertEqual(metrics["cpsd_certificate_failures_total"], 0, "it did not wait for the others to fail")
