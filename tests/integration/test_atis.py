# SPDX-License-Identifier: MIT
"""The ATIS interface: PASSporTs by destination and originator."""
# presets: dev asan
import json
import time

import wire
from atis_case import DEST, ORIG, AtisCase
from bearer import Provider, digest_of_body
from envelope import envelope, envelope_id
from harness import CPSD, SLOW, run
from wire import until

RFC8225 = (  # appendix A.1: signed, not encrypted
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZXN0Ij"
    "p7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0.rq3pj"
    "T1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w"
)


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

    def partner_token(self, who, path, spc=None, **claims):
        dest, orig = path.split("/")[-2:]
        return {"Authorization": "Bearer " + who.token("retrieve", dest, orig, spc=spc or path.split("/")[2], **claims)}

    def test_f40_a_partner_retrieves_what_the_provider_published_itself(self):
        """ATIS-1000105 as its public server documents it: path and spc name the publisher, which is the certificate's."""
        carol = Provider(self.pki, "3333")
        server = self.atis(atis__partners="9999, 2222", server__list_max_entries=1, server__client_certificates="optional")
        own, others = [envelope(), envelope()], [envelope(), envelope()]
        path = f"/passports/1111/{DEST}/{ORIG}"
        exp = int(time.time()) + 30
        for publisher, passports in ((self.bob, others[:1]), (self.alice, own), (self.bob, others[1:])):
            token = publisher.token("publish", DEST, ORIG, passports, spc="1111", exp=exp)
            self.created(server, path, passports, token)

        def retrieved(fields):
            got, query = [], ""
            while query is not None:
                answer = server.request("GET", path + query, fields=fields())
                if answer.status != 200:
                    return answer
                got += answer.json()["passports"]
                query = answer.get("Link") and answer.get("Link").split(">")[0].split(path)[1]
            return got

        # the publisher has everything below its code, a partner what the publisher put there itself
        self.assertEqual(retrieved(lambda: self.partner_token(self.alice, path)), [others[0], *own, others[1]])
        self.assertEqual(retrieved(lambda: self.partner_token(self.bob, path)), own)
        self.assertError(retrieved(lambda: self.partner_token(carol, path)), 403, "partners")
        # a partner's token names the publisher in spc, and cannot name another
        self.assertError(retrieved(lambda: self.partner_token(self.bob, path, spc="2222")), 403, "SPC")
        self.assertError(retrieved(lambda: self.partner_token(self.bob, path, iss="1111")), 403, "iss")
        self.assertError(server.request("GET", path), 401)
        for who, want in ((self.bob, own[:1]), (carol, None)):
            context = wire.tls_context(self.certificate[0])
            context.load_cert_chain(who.cert_file, who.key_file)
            with wire.Wire(server.address, context) as connection:
                answer = connection.request("GET", path)
                self.assertEqual(answer.json()["passports"] if want else answer.status, want or 403, who.spc)

    def test_f40_what_others_published_is_for_the_provider_alone(self):
        server = self.atis(atis__partners="2222")
        path, one = f"/passports/1111/{DEST}/{ORIG}", [envelope()]
        token = self.bob.token("publish", DEST, ORIG, one, spc="1111", exp=int(time.time()) + 30)
        self.created(server, path, one, token)
        answer = server.request("GET", path, fields=self.partner_token(self.bob, path))
        self.assertError(answer, 404)  # not even its own publisher, who is not the provider
        answer = server.request("GET", path, fields=self.partner_token(self.alice, path))
        self.assertEqual(answer.json()["passports"], one)

    def test_f40_every_provider_as_partner(self):
        server = self.atis(atis__partners="*")
        self.assertLogged("atis: partners is *", server)
        path, own = f"/passports/1111/{DEST}/{ORIG}", [envelope()]
        self.created(server, path, own)
        answer = server.request("GET", path, fields=self.partner_token(self.bob, path))
        self.assertEqual(answer.json()["passports"], own)

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
        server = self.atis(atis__retention_s=3)
        path, some = f"/passports/{DEST}/{ORIG}", [envelope()]
        self.created(server, path, some, fields={"Idempotency-Key": "k"})
        self.assertEqual(self.passports(server, path), some)
        until(lambda: not self.passports(server, path), 5 * SLOW, "it has expired")
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
        base = ["-o", "server.listen=", "-o", "listen_plain=127.0.0.1:0", "-o", "policy.publish=open", "-o", f"atis.certificate={self.alice.cert_file}", "-o",
                f"atis.private_key={self.alice.key_file}"]  # fmt: skip
        for options, word in (
            (["atis.peers=https://a.example"], None),
            (["atis.peers=https://a.example:8443/ https://b.example/cps,https://[::1]:1"], None),
            (["atis.peers=http://a.example"], "[atis] peers: http://a.example"),
            (["atis.peers=https://a.example?x"], "[atis] peers"),
            (["atis.peers=https://u@a.example"], "[atis] peers"),
            (["atis.peers=" + " ".join(f"https://a{i}.example" for i in range(17))], "more than 16"),
            (["atis.peers=https://a.example", "atis.certificate="], "needs [atis] certificate and private_key"),
            (["atis.peers=https://a.example", f"atis.private_key={self.bob.key_file}"], "does not belong to"),
            (["atis.peers=https://a.example", f"atis.certificate={self.certificate[0]}"], "does not belong to"),
            (["atis.peers=https://a.example", "atis.private_key=/nonexistent"], "/nonexistent"),
            (["atis.peers=https://a.example", "atis.x5u=http://a.example/c.pem"], "x5u"),
            (["atis.partners=1234, 554a"], None),
            (["atis.partners=*"], None),
            (["atis.partners=1234, *"], "must be the only item"),
            (["atis.partners=" + "1" * 33], "not a service provider code"),
        ):
            with self.subTest(options):
                done = run(CPSD, "-t", *base, *[w for o in options for w in ("-o", o)], status=None)
                self.assertEqual(done.returncode != 0, word is not None, done)
                self.assertIn(word or "good", (done.stderr + done.stdout).decode())
