# SPDX-License-Identifier: MIT
"""The directory of key records at cpsd: who may put what, what readers get, and sending to keys that were found."""
# presets: dev asan
import json
import time

import keys_case
from keys_case import ALICE, BLOCK, BOB, BOB_SPC, EVE_SPC, LyingCps, days_ago
from wire import until

TYPE = {"Content-Type": "application/jwt"}


class Directory(keys_case.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd(policy__keys_put="open", trust__roots=cls.path("pki/root.pem"),
                                    numbers__table=cls.numbers, auth__x5u_dir=cls.path("pki/certs"))

    def put(self, subject, record, fields=TYPE):
        return self.server.request("PUT", f"/keys/{subject}", record, fields)

    def get(self, subject, fields=()):
        return self.server.request("GET", f"/keys/{subject}", None, fields)

    def test_put_and_get(self):
        text = self.record()
        answer = self.put("spc:" + BOB_SPC, text)
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.get("Location"), f"/keys/spc%3A{BOB_SPC}")
        tag = answer.get("ETag")
        self.assertRegex(tag, r'\A"[A-Za-z0-9_-]{22}"\Z')
        self.assertEqual(self.put("spc:" + BOB_SPC, text).status, 200)  # the very same
        self.assertEqual(self.put("spc:" + BOB_SPC, text + "\n").status, 200)
        # by its number through the table, in any visual form, and by the code's own name
        for subject in ("12025550101", "+1-202-555-0101", "tel%3A%2B12025550101", "12025559999", "spc:" + BOB_SPC,
                        "spc%3A" + BOB_SPC, BOB_SPC):
            with self.subTest(subject):
                answer = self.get(subject)
                self.assertEqual((answer.status, answer.type, answer.body.decode()), (200, "application/jwt", text))
                self.assertEqual(answer.get("ETag"), tag)
                self.assertRegex(answer.get("Cache-Control"), r"\Apublic, max-age=300\Z")
        head = self.server.request("HEAD", "/keys/12025550101")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_conditional(self):
        tag = self.put("spc:" + BOB_SPC, self.record()).get("ETag")
        for field, status in ((tag, 304), ('W/' + tag, 304), (f'"x", {tag}', 304), ("*", 304), ('"x"', 200), (tag[:-1], 200),
                              ('"x", ' * 60 + tag, 200)):
            with self.subTest(field[:40]):
                answer = self.get("12025550101", {"If-None-Match": field})
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.get("ETag"), tag)
                self.assertEqual(bool(answer.body), status == 200)

    def test_own_record_first(self):
        """A number's own record comes before its provider's."""
        self.assertIn(self.put(BOB_SPC, self.record()).status, (200, 201))
        mine = self.record("--tn", BOB, who="bob-tn", spc=None, keys=("bob2.pub",))
        answer = self.put(BOB, mine)
        self.assertEqual((answer.status, answer.get("Location")), (201, f"/keys/{BOB}"))
        self.assertEqual(self.get(BOB).body.decode(), mine)
        self.assertNotEqual(self.get("12025550101").body.decode(), mine)

    def test_f15_all_records_of_a_number(self):
        """With Accept: application/json every record that covers the number, the most specific first."""
        every = {"Accept": "application/json"}
        number = "12025550177"
        self.tool("pki", "--out", self.path("pki"), "--name", "own", "--tn", number, "--force")
        provider = self.record("--days", "9")
        self.assertIn(self.put(BOB_SPC, provider).status, (200, 201))
        answer = self.get(number, every)
        self.assertEqual((answer.status, answer.type, answer.get("Vary")), (200, "application/json", "Accept"))
        self.assertEqual(answer.json(), {"records": [provider]})
        own = self.record("--tn", number, who="own", spc=None, keys=("bob2.pub",))
        block = self.record("--range", BLOCK, who="bob-block", spc=None)
        for record in (own, block):
            answer = self.put(number, record)
            self.assertEqual((answer.status, answer.get("Location")), (201, f"/keys/{number}"))
        for subject in (number, "%2B" + number, "tel%3A%2B" + number):
            answer = self.get(subject, every)
            self.assertEqual(answer.json(), {"records": [own, block, provider]})
            self.assertRegex(answer.get("Cache-Control"), r"\Apublic, max-age=300\Z")
            self.assertEqual(self.get(subject).body.decode(), own)
        tag = answer.get("ETag")
        self.assertEqual(self.get(number, {**every, "If-None-Match": tag}).status, 304)
        self.assertNotEqual(self.get(number).get("ETag"), tag)
        self.assertEqual(self.get("spc:" + BOB_SPC, every).json(), {"records": [provider]})
        self.assertEqual(self.get(BOB_SPC, every).json(), {"records": [provider]})
        self.assertEqual(self.get("12025550178", every).json(), {"records": [provider]})
        self.assertProblem(self.get("447700900000", every), 404)
        # each kind has its own order of time
        self.assertProblem(self.put(number, self.record("--range", BLOCK, "--iat", days_ago(2), who="bob-block", spc=None)),
                           409, "issued later")  # fmt: skip

    def test_newer_stays(self):
        old, new = self.record("--iat", days_ago(2), spc=EVE_SPC, who="eve"), self.record(spc=EVE_SPC, who="eve")
        self.assertEqual(self.put("spc:" + EVE_SPC, old).status, 201)
        self.assertEqual(self.put("spc:" + EVE_SPC, new).status, 201)
        self.assertProblem(self.put("spc:" + EVE_SPC, old), 409, "issued later")
        self.assertEqual(self.get("spc:" + EVE_SPC).body.decode(), new)

    def test_ends(self):
        """A record is removed when it expires, and no cache is allowed to keep it longer."""
        one_day = 86400
        other = self.cpsd(policy__keys_put="open", trust__roots=self.path("pki/root.pem"))
        for life_s in (4, 16, 64):  # a slow machine needs a longer one
            begin = int(time.time())
            text = self.record("--tn", BOB, "--iat", str(begin - one_day + life_s), "--days", "1", who="bob-tn", spc=None)
            put, answer = other.request("PUT", f"/keys/{BOB}", text, TYPE), other.request("GET", f"/keys/{BOB}")
            if time.time() < begin + life_s:
                break
        self.assertEqual(put.status, 201)
        self.assertLessEqual(int(answer.get("Cache-Control").split("=")[1]), life_s)
        until(lambda: other.request("GET", f"/keys/{BOB}").status == 404, life_s + 20, "it has ended")
        self.assertProblem(other.request("GET", f"/keys/{BOB}"), 404)
        self.assertProblem(other.request("PUT", f"/keys/{BOB}", text, TYPE), 422, "expired")

    def test_not_there(self):
        for subject in ("447700900000", "spc:0000", "0000"):
            self.assertProblem(self.get(subject), 404)
        for subject in ("sip%3Aalice%40example.com", "spc:", "spc:" + "1" * 33, "%00", "a%2Cb", "%zz"):
            self.assertProblem(self.get(subject), 400)
        self.assertProblem(self.server.request("DELETE", f"/keys/{BOB}"), 405)
        self.assertProblem(self.server.request("POST", f"/keys/{BOB}", self.record(), TYPE), 405)

    def test_refused(self):
        """What is put is verified, whoever puts it."""
        good = self.record()
        tn = self.record("--tn", BOB, who="bob-tn", spc=None)
        rows = [
            ("spc:" + BOB_SPC, good, {"Content-Type": "text/plain"}, 415, "application/jwt"),
            ("spc:" + BOB_SPC, good, {}, 415, ""),
            ("spc:" + BOB_SPC, "", TYPE, 422, ""),
            ("spc:" + BOB_SPC, "{}", TYPE, 422, ""),
            ("spc:" + BOB_SPC, good[:-1], TYPE, 422, ""),
            ("spc:" + EVE_SPC, good, TYPE, 422, "subject"),
            (BOB, good, TYPE, 422, "subject"),  # the provider's own record is not the number's
            ("spc:" + BOB_SPC, tn, TYPE, 422, "subject"),
            ("12025550101", tn, TYPE, 422, "subject"),
            ("spc:" + BOB_SPC, self.record(pki="other"), TYPE, 403, "trusted root"),
            ("spc:" + BOB_SPC, self.record("--iss", EVE_SPC, who="eve"), TYPE, 403, "TNAuthList"),
            (BOB, self.record("--tn", BOB, "--iss", EVE_SPC, who="eve", spc=None), TYPE, 403, "TNAuthList"),
            ("spc:" + BOB_SPC, self.record("--iat", days_ago(-1)), TYPE, 422, "future"),
            ("spc:" + BOB_SPC, self.record("--iat", days_ago(9), "--days", "8"), TYPE, 422, "expired"),
            ("spc:" + BOB_SPC, "a" * 16385, TYPE, 413, ""),
        ]
        swapped = ".".join([*good.split(".")[:2], self.record("--days", "2").split(".")[2]])
        rows.append(("spc:" + BOB_SPC, swapped, TYPE, 403, "signature"))
        for subject, record, fields, status, word in rows:
            with self.subTest(f"{subject} {record[:10]} {status} {word}"):
                self.assertProblem(self.put(subject, record, fields), status, word)

    def test_x5u(self):
        """The chain may be where x5u says: here, in the server's directory of certificates."""
        text = self.record("--x5u", "https://certs.example.com/bob.pem")
        self.assertIn(self.put("spc:" + BOB_SPC, text).status, (200, 201))
        for url, status in (
            ("https://certs.example.com/eve.pem", 403),
            ("https://certs.invalid/nobody.pem", 503),  # its host cannot be reached, which is not a fault of the record
        ):
            with self.subTest(url):
                self.assertProblem(self.put("spc:" + BOB_SPC, self.record("--x5u", url)), status)

    def test_metrics(self):
        self.get(BOB)
        self.put("spc:" + BOB_SPC, "x")
        metrics = self.server.metrics()
        self.assertGreaterEqual(metrics['cpsd_requests_total{route="keys_put",status="422"}'], 1)
        self.assertTrue([name for name in metrics if 'route="keys_get"' in name])


class Found(keys_case.Case):
    """From cpsctl keys put to a message that arrives, with rotation in between."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd(policy__keys_put="open", numbers__table=cls.numbers)

    def put(self, *more, server=None, **options):
        self.record(*more, **options)
        server = server or self.server
        return self.run_tool("keys", "put", "--cps", server.url, "--ca", server.ca, self.path("record"), "--json")

    def empty(self):
        """A directory without records."""
        return self.cpsd(policy__keys_put="open", numbers__table=self.numbers)

    def test_way(self):
        now = int(time.time())
        soon = ["--to", f"{self.path('bob.pub')}@..{now + 3600}", "--to", f"{self.path('bob2.pub')}@{now + 3000}.."]
        both = ["--to", f"{self.path('bob.pub')}@..{now + 3600}", "--to", f"{self.path('bob2.pub')}@{now - 60}.."]
        over = ["--to", f"{self.path('bob.pub')}@..{now - 60}", "--to", self.path("bob2.pub")]
        rows = [(soon, "-30", ["bob.jwk"]), (both, "-20", ["bob.jwk", "bob2.jwk"]), (over, "-10", ["bob2.jwk"])]
        for i, (keys, age, readers) in enumerate(rows):
            with self.subTest(readers):
                done = self.put(*keys, "--iat", str(now + int(age)), keys=())
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(json.loads(done.stdout), {"put": ["spc:" + BOB_SPC]})
                text = f"message {i}"
                sent = self.send(self.server.ca, self.server.url, text=text)
                self.assertEqual(sent.returncode, 0, sent.stderr)
                self.assertEqual(json.loads(sent.stdout)["published"], len(readers))
                for key in ("bob.jwk", "bob2.jwk"):
                    verdict = self.receive(self.server.ca, self.server.url, text=text, key=key)
                    self.assertEqual(verdict == "passed", key in readers, (key, verdict))

    def test_f15_every_holder_gets_an_envelope(self):
        """The carrier has a record for its code, and a number of its block one of its own: both can read."""
        number, text, server = "12025550188", "for both", self.empty()
        self.tool("pki", "--out", self.path("pki"), "--name", "holder", "--tn", number, "--force")
        self.assertEqual(self.put(server=server).returncode, 0)
        own = self.put("--tn", number, server=server, who="holder", spc=None, keys=("bob2.pub",))
        self.assertEqual(own.returncode, 0, own.stderr)
        sent = self.send(server.ca, server.url, dest=number, text=text)
        self.assertEqual(sent.returncode, 0, sent.stderr)
        self.assertEqual(json.loads(sent.stdout)["published"], 2)
        for key in ("bob.jwk", "bob2.jwk"):
            self.assertEqual(self.receive(server.ca, server.url, text=text, dest=number, key=key), "passed", key)

    def test_f15_each_envelope_goes_to_its_record_s_cps(self):
        """The holder reads at a CPS of its own, and the number table's CPS is its provider's."""
        number, server = "12025550189", self.empty()
        holder = LyingCps(self.temp())
        self.addCleanup(holder.close)
        self.tool("pki", "--out", self.path("pki"), "--name", "moved", "--tn", number, "--force")
        self.assertEqual(self.put(server=server).returncode, 0)
        own = self.put("--tn", number, "--cps-url", holder.url, server=server, who="moved", spc=None, keys=("bob2.pub",))
        self.assertEqual(own.returncode, 0, own.stderr)
        self.addCleanup(self.write, "numbers.csv", self.read(self.numbers))
        self.write("numbers.csv", f"1202555,{BOB_SPC},{server.url}\n")
        roots = self.write("roots.pem", self.read(server.ca) + self.read(holder.ca))
        sent = self.send(roots, server.url, "--record-allow-private", dest=number, text="moved")
        self.assertEqual(sent.returncode, 0, sent.stderr)
        ((path, text),) = holder.published
        self.assertEqual(path, f"/cps/{number}/ppts")
        envelope = self.write("envelope", text)
        self.assertEqual(self.run_tool("decrypt", "--key", self.path("bob2.jwk"), envelope).returncode, 0)
        self.assertEqual(self.receive(server.ca, server.url, text="moved", dest=number), "passed")

    def sets(self):
        """A JWK Set of a signature key, two encryption keys and what is not understood: public, and private."""
        self.tool("keygen", "--out", self.path("sig.jwk"), "--public", self.path("sig.pub"), "--curve", "p256", "--force")
        for end in ("pub", "jwk"):
            sig, bob, bob2 = (json.loads(self.read(self.path(f"{name}.{end}"))) for name in ("sig", "bob", "bob2"))
            keys = [{**sig, "use": "sig"}, {"kty": "XYZ"}, {**sig, "key_ops": ["sign", "verify"]}, {**sig, "alg": "ES256"},
                    {**bob, "use": "enc", "key_ops": []}, {**bob2, "key_ops": ["deriveBits"]}, {**bob, "kid": "again"}]
            self.write("set." + end, json.dumps({"keys": keys}))
        return self.path("set.pub"), self.path("set.jwk")

    def test_f16_a_set_is_used_whole_but_for_signature_keys(self):
        public, private = self.sets()
        pinned = self.write("pinned.json", json.dumps({BOB: json.loads(self.read(public))}))
        listed = self.write("listed.json", json.dumps({BOB: json.loads(self.read(public))["keys"]}))
        for what, args in (("to", ["--to", public]), ("pinned", ["--pinned", pinned]), ("listed", ["--pinned", listed])):
            with self.subTest(what):
                sent = self.send(self.server.ca, self.server.url, *args, text=what)
                self.assertEqual(sent.returncode, 0, sent.stderr)
                self.assertEqual(json.loads(sent.stdout)["published"], 2)
                for key in ("bob.jwk", "bob2.jwk", "set.jwk"):
                    self.assertEqual(self.receive(self.server.ca, self.server.url, text=what, key=key), "passed", key)
        passport = self.write("passport", self.tool(
            "sign", "--orig", ALICE, "--dest", BOB, "--key", self.path("pki/alice.key"), "--cert",
            self.path("pki/alice.pem"), "--x5u", "https://certs.example.com/alice.pem"))  # fmt: skip
        envelopes = self.tool("encrypt", "--to", public, passport)
        self.assertEqual(len(envelopes.split()), 2)
        for envelope in envelopes.split():
            opened = self.tool("decrypt", "--key", private, self.write("one", envelope))
            self.assertEqual(opened.strip(), self.read(passport).strip())
        record = self.record(keys=("set.pub",))
        self.assertEqual(len(json.loads(self.tool("inspect", self.path("record"), "--json"))["claims"]["keys"]), 2, record)

    def test_f16_a_key_for_signatures_is_never_encrypted_to(self):
        self.sets()
        sig, bob = (json.loads(self.read(self.path(name))) for name in ("sig.pub", "bob.jwk"))
        for more in ({"use": "sig"}, {"key_ops": ["verify"]}, {"alg": "ES256"}, {"use": "enc", "key_ops": ["sign"]},
                     {"use": ["enc"]}, {"key_ops": "deriveKey"}, {"alg": "RSA-OAEP"}):  # fmt: skip
            for content in ({**sig, **more}, {"keys": [{**sig, **more}]}):
                with self.subTest(json.dumps(content)[:60]):
                    file = self.write("only.pub", json.dumps(content))
                    done = self.send(self.server.ca, self.server.url, "--to", file)
                    self.assertRefused(done, "CPS_E_KEY")
                    self.assertIn("not for encrypting", done.stderr)
        pinned = self.write("pinned.json", json.dumps({BOB: [{**sig, "use": "sig"}]}))
        self.assertRefused(self.send(self.server.ca, self.server.url, "--pinned", pinned), "CPS_E_CONFIG")
        private = self.write("only.jwk", json.dumps({**bob, "use": "sig"}))
        done = self.run_tool("decrypt", "--key", private, self.path("record"), "--json")
        self.assertRefused(done, "CPS_E_KEY")
        # and one for encrypting does not sign
        alice = self.write("enc.jwk", json.dumps({**json.loads(self.read(self.path("sig.jwk"))), "use": "enc"}))
        done = self.run_tool("sign", "--orig", ALICE, "--dest", BOB, "--key", alice, "--cert", self.path("pki/alice.pem"),
                             "--x5u", "https://certs.example.com/alice.pem", "--json")
        self.assertRefused(done, "CPS_E_KEY")
        self.assertIn("not for signing", done.stderr)

    def test_older_is_refused(self):
        self.assertEqual(self.put(spc=EVE_SPC, who="eve").returncode, 0)
        done = self.put("--iat", days_ago(3), spc=EVE_SPC, who="eve")
        self.assertEqual(done.returncode, 4, done.stdout)
        self.assertIn("409", done.stderr)

    def test_pinned(self):
        """A pinned key needs no record and no root, and comes before a record."""
        with open(self.path("bob2.pub")) as jwk:
            pinned = self.write("pinned.json", json.dumps({BOB[:6] + "*": [json.load(jwk)]}))
        sent = self.send(self.server.ca, self.server.url, "--pinned", pinned, text="pinned")
        self.assertEqual(sent.returncode, 0, sent.stderr)
        self.assertEqual(self.receive(self.server.ca, self.server.url, text="pinned", key="bob2.jwk"), "passed")
        for content in ("[]", "{", '{"x": []}', '{"12*": []}', '{"12*": [{"kty": "RSA"}]}', '{"1*2": [{}]}'):
            with self.subTest(content):
                done = self.send(self.server.ca, self.server.url, "--pinned", self.write("bad.json", content))
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertIn("bad.json", done.stderr)
