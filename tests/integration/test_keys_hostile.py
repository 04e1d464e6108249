# SPDX-License-Identifier: MIT
"""A CPS that hands out a key of its own, or somebody else's, or an old one: a sender encrypts to none of them."""
# presets: dev asan
import json

import keys_case
from cpsctl_case import part, unb64url, b64url
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from keys_case import ALICE, BLOCK, BOB, BOB_SPC, EVE_SPC, LyingCps, days_ago
from token_case import sign


class HostileCps(keys_case.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lying = LyingCps(cls.dir)
        cls.addClassCleanup(cls.lying.close)

    def setUp(self):
        self.lying.status, self.lying.published[:], self.lying.fields = 200, [], {}

    def closed_later(self, cps):
        self.addCleanup(cps.close)
        return cps

    def hands_out(self, record, code, *more, status=2, **options):
        """Sending fails for this reason, and nothing was encrypted to what was handed out."""
        self.lying.record, self.lying.published[:] = record, []
        self.assertRefused(self.send(self.lying.ca, self.lying.url, *more, **options), code, status)
        self.assertEqual(self.lying.published, [])

    def test_honest(self):
        """The same way, with what Bob signed: so it is what is handed out that makes the difference."""
        self.lying.record = self.record()
        done = self.send(self.lying.ca, self.lying.url)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([path for path, _ in self.lying.published], [f"/cps/{BOB}/ppts"])
        envelope = self.write("envelope", self.lying.published[0][1])
        opened = self.run_tool("decrypt", "--key", self.path("bob.jwk"), envelope)
        self.assertEqual(opened.returncode, 0, opened.stderr)
        self.assertEqual(self.run_tool("decrypt", "--key", self.path("eve.jwk"), envelope).returncode, 1)

    def test_swapped_key(self):
        """Bob's record with the key exchanged: header and signature are Bob's."""
        text = self.record()
        with open(self.path("eve.pub")) as jwk:
            eve = json.load(jwk)
        header, _, signature = text.split(".")
        claims = part(text, 1)
        claims["keys"] = [eve]
        forged = ".".join([header, b64url(json.dumps(claims).encode()), signature])
        self.hands_out(forged, "CPS_E_SIGNATURE")

    def test_unsigned(self):
        """Algorithm confusion: alg none, HS256, and no signature at all."""
        text = self.record()
        _, claims, signature = text.split(".")
        for alg, end in (("none", ""), ("none", signature), ("HS256", signature), ("ES384", signature)):
            with self.subTest(alg=alg, end=bool(end)):
                header = {**part(text, 0), "alg": alg}
                forged = ".".join([b64url(json.dumps(header).encode()), claims, end])
                self.hands_out(forged, "CPS_E_ALG" if end else "CPS_E_JWS")

    def test_own_certificate(self):
        """Signed with the CPS's own TLS certificate, which is no STIR certificate."""
        self.lying.record = ""
        tls = self.tool("pki", "--out", self.path("tls"), "--name", "x", "--spc", EVE_SPC, "--server-name", "localhost")
        self.assertTrue(tls)
        text = self.record(keys=("eve.pub",))
        with open(self.path("tls/tls.pem")) as pem:
            der = "".join(line.strip() for line in pem.read().split("-----END")[0].splitlines()[1:])
        header = {"alg": "ES256", "typ": "cps-keys+jwt", "x5c": [der]}
        forged = ".".join([b64url(json.dumps(header).encode()), *text.split(".")[1:]])
        self.hands_out(forged, "CPS_E_CERT_UNTRUSTED")

    def test_untrusted_root(self):
        """A certificate for Bob's code, under a root of Eve's."""
        self.hands_out(self.record(pki="other", keys=("eve.pub",)), "CPS_E_CERT_UNTRUSTED")

    def test_other_provider(self):
        """A real certificate, of another provider: for its own code, and claiming Bob's code or number."""
        rows = [
            (["--spc", EVE_SPC], "for its own code"),
            (["--spc", BOB_SPC, "--iss", EVE_SPC], "for Bob's code"),
            (["--tn", BOB, "--iss", EVE_SPC], "for Bob's number"),
            (["--range", "12025550000+1000", "--iss", EVE_SPC], "for Bob's range"),
            (["--spc", EVE_SPC, "--tn", BOB], "for both"),
        ]
        for subject, what in rows:
            with self.subTest(what):
                self.hands_out(self.record(*subject, who="eve", spc=None, keys=("eve.pub",)), "CPS_E_KEY")
                done = self.run_tool("keys", "get", "--dest", BOB, *self.finding(self.lying.ca, self.lying.url), "--json")
                self.assertRefused(done, "CPS_E_CERT_SCOPE")

    def test_no_table(self):
        """Without a number table a code does not cover a number, though certificate and signature are valid."""
        self.lying.record = self.record()
        done = self.run_tool("keys", "get", "--dest", BOB, *self.finding(self.lying.ca, self.lying.url, numbers=False),
                             "--json")
        self.assertRefused(done, "CPS_E_CERT_SCOPE")

    def test_expired(self):
        self.hands_out(self.record("--iat", days_ago(10), "--days", "9"), "CPS_E_STALE")

    def test_not_yet(self):
        self.hands_out(self.record("--iat", days_ago(-1)), "CPS_E_FUTURE")

    def test_keys_out_of_time(self):
        """Good, but for keys that are over or have yet to come."""
        past = f"{self.path('bob.pub')}@..2020-01-01T00:00:00Z"
        future = f"{self.path('bob2.pub')}@2090-01-01T00:00:00Z.."
        self.hands_out(self.record("--to", past, "--to", future, keys=()), "CPS_E_KEY")

    def test_other_token(self):
        """A PASSporT of Bob's: signed well, and no key record."""
        passport = self.tool("sign", "--orig", BOB, "--dest", ALICE, "--key", self.path("pki/bob-tn.key"), "--cert",
                             self.path("pki/bob-tn.pem"), "--x5u", "https://certs.example.com/bob-tn.pem").strip()
        self.hands_out(passport, "CPS_E_JWS")

    def test_garbage(self):
        text = self.record()
        rows = [("", "CPS_E_JWS"), ("<html>", "CPS_E_JWS"), (text[:-1], "CPS_E_JWS"), (self.records(""), "CPS_E_JWS"),
                (self.records("{}", "a.b.c"), "CPS_E_JWS"), (text + "A", "CPS_E_JWS"), (text + "." + text, "CPS_E_JWS"), (text.replace(".", "..", 1), "CPS_E_JWS")]
        for record, code in rows:
            with self.subTest(record[:20] + "/" + str(len(record))):
                self.lying.record = record
                done = self.send(self.lying.ca, self.lying.url)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(json.loads(done.stdout)["error"]["code"], (code, "CPS_E_BASE64"))
        self.assertEqual(self.lying.published, [])
        for answer in ("{}", "{", '{"records":[]}', '{"records":{}}', '{"records":"' + text + '"}', '{"records":[1]}',
                       json.dumps({"records": [text, None]}), json.dumps({"records": [[text]]})):  # fmt: skip
            with self.subTest(answer[:20] + "/" + str(len(answer))):
                self.hands_out(answer, "CPS_E_PROTOCOL", status=3)

    def test_endless(self):
        self.hands_out("a" * 70000, "CPS_E_TOO_BIG")
        self.hands_out("a" * 1000000, "CPS_E_PROTOCOL", status=3)

    def readers(self, *keys):
        """Which of the keys open which of the published envelopes."""
        opened = []
        for _, text in self.lying.published:
            envelope = self.write("envelope", text)
            done = [key for key in keys if self.run_tool("decrypt", "--key", self.path(key), envelope).returncode == 0]
            opened.append(done[0] if done else None)
        return opened

    def sends(self, record, *readers):
        """Sending succeeds, with one envelope for each of these keys, in any order, and none for another."""
        self.lying.published[:] = []
        self.lying.record = record
        done = self.send(self.lying.ca, self.lying.url)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(map(str, self.readers("bob.jwk", "bob2.jwk", "eve.jwk"))), sorted(readers))

    def test_f15_a_forged_record_takes_nothing_from_a_good_one(self):
        good = self.record()
        forged = [
            self.record("--iat", days_ago(-1)),
            self.record("--iat", days_ago(9), "--days", "8"),
            self.record(pki="other", keys=("eve.pub",)),
            self.record("--tn", BOB, "--iss", EVE_SPC, who="eve", spc=None, keys=("eve.pub",)),
            self.record("--spc", EVE_SPC, who="eve", spc=None, keys=("eve.pub",)),
            good[:-1], "", "{}", "<html>",
            ".".join([*good.split(".")[:2], self.record(keys=("bob2.pub",)).split(".")[2]]),
        ]  # fmt: skip
        for bad in forged:
            with self.subTest(bad[:20] + "/" + str(len(bad))):
                self.sends(self.records(bad, good), "bob.jwk")
                self.sends(self.records(good, bad), "bob.jwk")

    def test_f15_many_records(self):
        """Of any number of records the first eight count, and equal ones count once."""
        good = self.record()
        others = [self.record("--iat", str(1700000000 + i), who="eve", spc=EVE_SPC, keys=("eve.pub",)) for i in range(8)]
        self.sends(self.records(*[good] * 100), "bob.jwk")
        self.sends(self.records(*[others[0]] * 50, good, *[good] * 50), "bob.jwk")
        self.sends(self.records(*others[:7], good, *others), "bob.jwk")
        self.hands_out(self.records(*others, *[good] * 92), "CPS_E_KEY")

    def test_f15_an_older_record_beside_a_newer_one(self):
        new, old = self.record("--iat", days_ago(1)), self.record("--iat", days_ago(2), keys=("bob2.pub",))
        self.sends(self.records(new, old), "bob.jwk")
        self.sends(self.records(old, new), "bob.jwk")

    def test_f28_a_key_of_an_unknown_kind_beside_a_good_one(self):
        """The good key is used. A record with no other key is no record to encrypt to."""
        header, claims = (part(self.record(), i) for i in (0, 1))
        with open(self.path("pki/bob.key"), "rb") as file:
            key = load_pem_private_key(file.read(), None)
        good, unknown = claims["keys"][0], {"kty": "XYZ", "x": "AAAA"}
        for keys in ([good, unknown], [unknown, good]):
            self.sends(sign(header, {**claims, "keys": keys}, key), "bob.jwk")
        self.hands_out(sign(header, {**claims, "keys": [unknown]}, key), "CPS_E_KEY")

    def test_f15_many_keys(self):
        """Three records with eight keys each: sixteen envelopes, and every record has its part of them."""
        names = []
        for i in range(24):
            self.tool("keygen", "--out", self.path(f"k{i}.jwk"), "--public", self.path(f"k{i}.pub"), "--force")
            names.append(f"k{i}.pub")
        own = self.record("--tn", BOB, who="bob-tn", spc=None, keys=names[:8])
        block = self.record("--range", BLOCK, who="bob-block", spc=None, keys=names[8:16])
        provider = self.record(keys=names[16:])
        self.lying.record = self.records(provider, block, own)
        done = self.send(self.lying.ca, self.lying.url)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["envelopes"], 16)
        get = ["keys", "get", "--dest", BOB, *self.finding(self.lying.ca, self.lying.url)]
        said = json.loads(self.tool(*get, "--json"))["records"]
        self.assertEqual([record["signer"] for record in said],
                         [f"spc:{BOB_SPC}" if i == 2 else said[i]["signer"] for i in range(3)])
        self.assertEqual([record["record"] for record in said], [own, block, provider])
        self.assertEqual([len(record["keys"]) for record in said], [6, 5, 5])
        # a key that two records list is encrypted to once
        self.sends(self.records(self.record("--tn", BOB, who="bob-tn", spc=None), self.record()), "bob.jwk")

    def test_withheld(self):
        self.lying.status = 404
        self.hands_out("", "CPS_E_NOT_FOUND")
        self.lying.status = 503
        self.hands_out("", "CPS_E_UNAVAILABLE", status=4)

    def test_record_leads_inside(self):
        """A record may not lead a sender to a special-purpose address, unless that is allowed."""
        inside = self.closed_later(LyingCps(self.temp()))
        self.lying.record = self.record("--cps-url", inside.url)
        roots = self.write("roots.pem", self.read(self.lying.ca) + self.read(inside.ca))
        done = self.send(roots, self.lying.url)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn("not one of the public Internet", done.stderr)
        self.assertEqual(inside.published + self.lying.published, [])
        done = self.send(roots, self.lying.url, "--record-allow-private")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((len(inside.published), self.lying.published), (1, []))

    def test_get_prints_who(self):
        self.lying.record = self.record(keys=("bob.pub", "bob2.pub"))
        get = ["keys", "get", "--dest", BOB, *self.finding(self.lying.ca, self.lying.url)]
        (said,) = json.loads(self.tool(*get, "--json"))["records"]
        self.assertEqual(said["signer"], "spc:" + BOB_SPC)
        self.assertEqual(len(said["keys"]), 2)
        self.assertEqual(said["record"], self.lying.record)
        self.assertEqual(unb64url(said["record"].split(".")[0])[:1], b"{")
        plain = self.tool(*get)
        for word in ("spc:" + BOB_SPC, said["until"], *said["keys"]):
            self.assertIn(word, plain)
