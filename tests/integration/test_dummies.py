# SPDX-License-Identifier: MIT
"""Dummies (RFC 8816 section 6.2): no list is ever empty, and an observer cannot tell a dummy from an envelope."""
# presets: dev asan
# alone: compares times
import collections
import json
import os
import time

from envelope import b64url, compact, envelope, envelope_id, header, on_curve25519, unb64url, x25519_public
from harness import SLOW, Case
from wire import request

JSON = {"Accept": "application/json"}
LONG = 259200  # a life of 72 h: during a test hardly one comes or goes


def entries(connection, dest, query="", **fields):
    answer = connection.request("GET", f"/cps/{dest}/ppts{query}", fields={**JSON, **fields})
    assert answer.status == 200, answer
    return answer.json()["ppts"]


def fresh_envelope():
    """As a sender makes it: a key of its own, 512 octets inside."""
    return ".".join([b64url(compact(header()).encode()), *envelope(512).split(".")[1:]])


class Steady(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd(store__ttl_default_s=LONG)

    def test_no_box_is_empty(self):
        with self.server.connect() as connection:
            for number in range(12025551000, 12025551300):
                listed = entries(connection, number)
                self.assertGreaterEqual(len(listed), 1)
                self.assertLessEqual(len(listed), 12)
            self.assertGreaterEqual(len(entries(connection, "sip:nobody@example.com")), 1)

    def test_each_can_be_fetched(self):
        with self.server.connect() as connection:
            for number in range(12025551000, 12025551010):
                for entry in entries(connection, number):
                    path = f"/cps/{number}/ppts/{entry['id']}"
                    real = f"/cps/1202555/ppts/{entry['id']}"
                    answer = connection.request("GET", path)
                    self.assertEqual((answer.status, answer.body.decode()), (200, entry["ppt"]))
                    self.assertEqual(entry["id"], envelope_id(entry["ppt"]))
                    self.assertEqual(connection.request("GET", real).status, 404)

    def test_observer(self):
        """All that can be seen of envelopes, of dummies and of real ones side by side."""
        body = fresh_envelope()
        self.assertEqual(self.server.publish("12", body).status, 201)
        real = self.view(body, self.server.request("GET", f"/cps/12/ppts/{envelope_id(body)}"))
        epks, ivs, seen = set(), set(), []
        with self.server.connect() as connection:
            for number in range(12025552000, 12025552120):
                for entry in entries(connection, number):
                    answer = connection.request("GET", f"/cps/{number}/ppts/{entry['id']}")
                    seen.append(self.view(entry["ppt"], answer))
                    head, _, iv, text, tag = entry["ppt"].split(".")
                    epk = unb64url(unb64url(head).decode().split('"x":"')[1][:43])
                    self.assertTrue(on_curve25519(epk), "a true public key, not just any octets")
                    epks.add(epk)
                    ivs.add(iv)
        self.assertGreater(len(seen), 240)
        self.assertEqual({tuple(v) for v in seen}, {tuple(real)})
        self.assertEqual((len(epks), len(ivs)), (len(seen), len(seen)), "each has a key and an IV of its own")

    def test_the_observer_can_tell(self):
        """What the test above looks at does tell random octets from keys."""
        keys = [x25519_public(os.urandom(32)) for _ in range(32)]
        self.assertTrue(all(on_curve25519(key) for key in keys))
        self.assertFalse(all(on_curve25519(os.urandom(31) + b"\0") for _ in range(32)))

    def view(self, text, answer):
        """What an envelope looks like, its random octets left out."""
        self.assertEqual(answer.body.decode(), text)
        head, key, iv, cipher, tag = text.split(".")
        shape = unb64url(head).decode().split('"x":"')
        return [shape[0], shape[1][43:], key, *(len(unb64url(part)) for part in (iv, cipher, tag)),
                *(name for name, _ in answer.fields), answer.get("Content-Length")]  # fmt: skip

    def test_the_octets_are_even(self):
        """Ciphertext and tag are as random as those of AES: all 256 values, none favoured."""
        count = collections.Counter()
        with self.server.connect() as connection:
            for number in range(12025553000, 12025553100):
                for entry in entries(connection, number):
                    count.update(b"".join(unb64url(part) for part in entry["ppt"].split(".")[2:]))
        expected = sum(count.values()) / 256
        chi2 = sum((count[octet] - expected) ** 2 / expected for octet in range(256))
        self.assertGreater(sum(count.values()), 100000)
        self.assertLess(chi2, 380, "chi squared of 255 degrees: above 380 once in a million")

    def test_an_arrival_changes_nothing_else(self):
        with self.server.connect() as connection:
            for number in range(12025554000, 12025554030):
                before = entries(connection, number)
                body = envelope()
                self.assertEqual(connection.request("POST", f"/cps/{number}/ppts", body).status, 201)
                after = entries(connection, number)
                self.assertEqual(after[:-1], before)
                self.assertEqual(after[-1]["ppt"], body)

    def test_sizes(self):
        server = self.cpsd(dummies__sizes="512, 512, 1024", store__ttl_default_s=600)
        count = collections.Counter()
        with server.connect() as connection:
            for number in range(12025555000, 12025555150):
                for entry in entries(connection, number):
                    count[len(unb64url(entry["ppt"].split(".")[3]))] += 1
        self.assertEqual(set(count), {512, 1024})
        self.assertGreater(count[512], 1.3 * count[1024])

    def test_a_wait_ends_with_the_next_dummy(self):
        """Otherwise the waiting would tell which arrival was a dummy."""
        server = self.cpsd(store__ttl_default_s=2)
        with server.connect() as connection:
            answer = connection.request("GET", "/cps/12025556000/ppts", fields=JSON).json()
            for _ in range(4):
                connection.sock.settimeout(25)  # shorter than the wait
                answer = connection.request("GET", f"/cps/12025556000/ppts?after={answer['cursor']}",
                                            fields={**JSON, "Prefer": "wait=30"}).json()  # fmt: skip
                self.assertGreaterEqual(len(answer["ppts"]), 1)


def other_forms():
    """What another JOSE library may write and a dummy never looks like: a word of the reason, and the envelope."""
    plain = header()
    rest = envelope().split(".", 1)[1]
    order = {name: plain[name] for name in ("alg", "enc", "cty", "epk")}
    yield "order alg, cty, enc, epk", b64url(compact(order).encode()) + "." + rest
    yield "without spaces", b64url(json.dumps(plain).encode()) + "." + rest
    yield "pad it with spaces", envelope(401)


class Form(Case):
    def test_n08_another_form_is_refused(self):
        server = self.cpsd()
        with server.connect() as connection:
            for reason, text in other_forms():
                answer = connection.request("POST", "/cps/12025558100/ppts", text)
                self.assertProblem(answer, 422, reason)
            for size in (512, 1024, 2048, 4096, 8192):
                self.assertEqual(connection.request("POST", "/cps/12025558100/ppts", envelope(size)).status, 201)

    def test_n08_or_stored_with_one_warning(self):
        for keys in ({"dummies__strict": "no"}, {"policy__list": "holder", "policy__fetch": "holder"}):
            with self.subTest(keys):
                server = self.cpsd(server__workers=2, **keys)
                for _, text in other_forms():
                    for _ in range(2):
                        self.assertIn(server.publish("12025558101", text).status, (200, 201))
                self.assertEqual(server.log().count("can be distinguished from a dummy"), 1)


class Life(Case):
    def test_they_come_and_go(self):
        """Lists of several boxes over some lives: never empty, a dummy is there without a break and never comes again, and
        the order is that of arrival. How long they live and when they arrive is tested with a clock in test_dummy.c."""
        server = self.cpsd(store__ttl_default_s=2, server__workers=4, limits__read_by_address=0)
        numbers = range(12025557000, 12025557008)
        first, absent = {}, set()
        with server.connect() as one, server.connect() as other:
            while len(absent) <= 40:
                for number in numbers:
                    connection = one if time.monotonic_ns() & 1 else other
                    sent = time.monotonic()
                    ids = [(number, entry["id"]) for entry in entries(connection, number)]
                    self.assertGreaterEqual(len(ids), 1)
                    ages = [first.setdefault(key, sent) for key in ids]
                    self.assertEqual(ages, sorted(ages))
                    gone = {key for key in first if key[0] == number} - set(ids)
                    self.assertEqual(absent & set(ids), set(), "never seen again")
                    absent |= gone

    def test_servers_with_one_secret_agree(self):
        directory = self.temp()
        for name in ("a", "b"):
            with open(os.path.join(directory, name), "wb") as secret:
                secret.write(os.urandom(32))
        a = [self.cpsd(store__ttl_default_s=LONG, dummies__secret_file=os.path.join(directory, "a")) for _ in range(2)]
        b = self.cpsd(store__ttl_default_s=LONG, dummies__secret_file=os.path.join(directory, "b"))
        with a[0].connect() as one, a[1].connect() as two, b.connect() as stranger:
            for number in range(12025558000, 12025558030):
                listed = entries(one, number)
                self.assertEqual(listed, entries(two, number))
                self.assertEqual([e for e in listed if e in entries(stranger, number)], [])

    def test_a_reload_keeps_them(self):
        server = self.cpsd(store__ttl_default_s=LONG)
        with server.connect() as connection:
            before = entries(connection, "12025559000")
        server.reload(log__level="info")
        with server.connect() as connection:
            self.assertEqual(entries(connection, "12025559000"), before)

    def test_empty_mode(self):
        """One dummy where nothing else is; it has a life, and gives way to a message."""
        server = self.cpsd(store__ttl_default_s=2, dummies__mode="empty", limits__read_by_address=0)
        with server.connect() as connection:
            seen, shown = set(), set()
            while len(seen) < 3:
                listed = entries(connection, "12025559001")
                self.assertEqual(len(listed), 1)
                seen.add(listed[0]["id"])
                if listed[0]["id"] not in shown:
                    shown.add(listed[0]["id"])
                    path = f"/cps/12025559001/ppts/{listed[0]['id']}"
                    answer = connection.request("GET", path)
                    if answer.status != 404:  # its life may have ended in between
                        self.assertEqual(answer.body.decode(), listed[0]["ppt"])
            body = envelope()
            connection.send(request("POST", "/cps/12025559001/ppts?ttl=600", body))
            self.assertEqual(connection.response().status, 201)
            self.assertEqual([e["ppt"] for e in entries(connection, "12025559001")], [body])
