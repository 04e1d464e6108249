"""The directory of key records at cpsd: who may put what, what readers get, and sending to keys that were found."""
# presets: dev asan
import json
import time

import keys_case
from keys_case import BOB, BOB_SPC, EVE_SPC, days_ago

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

    def test_newer_stays(self):
        old, new = self.record("--iat", days_ago(2), spc=EVE_SPC, who="eve"), self.record(spc=EVE_SPC, who="eve")
        self.assertEqual(self.put("spc:" + EVE_SPC, old).status, 201)
        self.assertEqual(self.put("spc:" + EVE_SPC, new).status, 201)
        self.assertProblem(self.put("spc:" + EVE_SPC, old), 409, "issued later")
        self.assertEqual(self.get("spc:" + EVE_SPC).body.decode(), new)

    def test_ends(self):
        """A record is gone when it ends, and nobody is told to keep it longer."""
        one_day = 86400
        begin = int(time.time())
        text = self.record("--tn", BOB, "--iat", str(begin - one_day + 4), "--days", "1", who="bob-tn", spc=None)
        other = self.cpsd(policy__keys_put="open", trust__roots=self.path("pki/root.pem"))
        self.assertEqual(other.request("PUT", f"/keys/{BOB}", text, TYPE).status, 201)
        answer = other.request("GET", f"/keys/{BOB}")
        self.assertLessEqual(int(answer.get("Cache-Control").split("=")[1]), 4)
        while time.time() < begin + 4.5:
            time.sleep(0.1)
        self.assertProblem(other.request("GET", f"/keys/{BOB}"), 404)
        self.assertProblem(other.request("PUT", f"/keys/{BOB}", text, TYPE), 422, "expired")

    def test_not_there(self):
        for subject in ("447700900000", "spc:0000", "0000"):
            self.assertProblem(self.get(subject), 404)
        for subject in ("sip%3Aalice%40example.com", "spc:", "spc:1234567890123456", "%00", "a%2Cb", "%zz"):
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
        for url in ("https://certs.example.com/eve.pem", "https://certs.example.com/nobody.pem"):
            with self.subTest(url):
                self.assertEqual(self.put("spc:" + BOB_SPC, self.record("--x5u", url)).status, 403)

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

    def put(self, *more, **options):
        self.record(*more, **options)
        return self.run_tool("keys", "put", "--cps", self.server.url, "--ca", self.server.ca, self.path("record"), "--json")

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
