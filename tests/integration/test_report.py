# SPDX-License-Identifier: MIT
"""A holder reports bogus envelopes, and who published them may publish less."""
# presets: dev asan
from callers import DEST, ELSEWHERE, NO_ID, CallersCase, provider
from envelope import envelope, envelope_id
from wire import until

HOLDER, PUBLISHER, ANOTHER = "holder by TN", "other SPC", "other TN"


class Report(CallersCase):
    def serve(self, name="cpsd", **keys):
        self.server = self.cpsd(name=name, **{**self.keys(), "limits__publish_by_spc": 1, "limits__burst_s": 40,
                                   "limits__report_cost": 10, **keys})  # fmt: skip

    def publish(self, caller=PUBLISHER):
        one = envelope()
        with self.connect(caller) as connection:
            return one, connection.request("POST", f"/cps/{DEST}/ppts", one)

    def report(self, one, caller=HOLDER, dest=DEST):
        with self.connect(caller) as connection:
            name = envelope_id(one) if one else NO_ID
            return connection.request("POST", f"/cps/{dest}/ppts/{name}/report", b"")

    def left(self):
        return int(self.publish()[1].get("RateLimit-Remaining"))

    def bogus(self, publisher):
        return self.server.metrics()[f'cpsd_reports_total{{publisher="{publisher}"}}']

    def logged(self, text, count=1):
        until(lambda: self.server.log().count(text) == count, 20, f"{count} lines: {text}")

    def reports(self, caller=PUBLISHER, query="", fields=()):
        with self.connect(caller) as connection:
            return connection.request("GET", "/cps/reports" + query, None, fields)

    def test_counts_against_its_publisher(self):
        # one comes back each second: so much is spent that a slow machine makes no difference
        self.serve(limits__burst_s=400, limits__report_cost=100)
        one, answer = self.publish()
        self.assertEqual((answer.status, answer.get("RateLimit-Remaining")), (201, "399"))
        self.assertEqual(self.report(one).status, 204)
        self.assertLessEqual(self.left(), 360)
        # once for each envelope
        for _ in range(5):
            self.assertEqual(self.report(one).status, 204)
        self.assertGreaterEqual(self.left(), 296)
        for _ in range(3):
            other, answer = self.publish()
            self.assertEqual(answer.status, 201)
            self.assertEqual(self.report(other).status, 204)
        answer = self.publish()[1]
        self.assertProblem(answer, 429, "has reported envelopes of this publisher as bogus")
        self.assertGreaterEqual(int(answer.get("Retry-After")), 3)
        self.assertEqual(self.bogus("known"), 4)
        self.logged("reports an envelope as bogus publisher=spc:2222 holder=spc:1111", 4)
        # others publish on
        self.assertEqual(self.publish("holder by table")[1].status, 201)

    def test_s11_reports_stop_only_what_comes_for_their_holder(self):
        for name, url in (("memory", "memory:"), ("redis", self.redis().url)):
            with self.subTest(name):
                self.serve(name=name, store__url=url, limits__publish_by_spc=10)
                until(lambda: self.server.admin_request("/health").status == 200, 20, "the store is there")
                with self.connect(PUBLISHER) as publisher, self.connect("holder by table") as holder:
                    sent = [envelope() for _ in range(200)]
                    for one in sent:
                        self.assertEqual(publisher.request("POST", f"/cps/{DEST}/ppts?ttl=600", one).status, 201)
                    for one in sent:
                        path = f"/cps/{DEST}/ppts/{envelope_id(one)}/report?reason=bad-signature"
                        self.assertEqual(holder.request("POST", path, b"").status, 204)
                    # to every number of this holder, and to nobody else
                    for dest in (DEST, "12155559999"):
                        answer = publisher.request("POST", f"/cps/{dest}/ppts", envelope())
                        self.assertProblem(answer, 429, "has reported envelopes of this publisher as bogus")
                    for dest in (ELSEWHERE, "sip%3Aalice%40example.com"):
                        answer = publisher.request("POST", f"/cps/{dest}/ppts", envelope())
                        self.assertEqual(answer.status, 201)
                        self.assertGreaterEqual(int(answer.get("RateLimit-Remaining")), 190)
                    answer = self.reports().json()
                self.assertEqual([report["id"] for report in answer["reports"]], [envelope_id(one) for one in sent])
                self.assertEqual({report["dest"] for report in answer["reports"]}, {DEST})
                self.assertEqual({report["holder"] for report in answer["reports"]}, {"spc:1111"})
                self.assertEqual({report["reason"] for report in answer["reports"]}, {"bad-signature"})
                self.assertFalse(answer["more"])
                self.server.stop()

    def test_s11_a_publisher_sees_its_own_reports(self):
        self.serve(server__list_max_entries=2)
        sent = [self.publish()[0] for _ in range(3)]
        other = self.publish(ANOTHER)[0]
        for one in [*sent, other]:
            self.assertEqual(self.report(one).status, 204)
        first = self.reports().json()
        self.assertTrue(first["more"])
        rest = self.reports(query="?after=" + first["cursor"]).json()
        self.assertFalse(rest["more"])
        ids = [report["id"] for report in first["reports"] + rest["reports"]]
        self.assertEqual(ids, [envelope_id(one) for one in sent])
        self.assertRegex(rest["reports"][0]["at"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(self.reports(query="?after=" + rest["cursor"]).json()["reports"], [])
        # by token, which is used once, too
        fields = list(provider(self.certs[PUBLISHER]).fields("retrieve").items())
        self.assertEqual(len(self.reports("none", fields=fields).json()["reports"]), 2)
        self.assertProblem(self.reports("none", fields=fields), 401)
        # a certificate without a provider's code is a publisher, too
        self.assertEqual([report["id"] for report in self.reports(ANOTHER).json()["reports"]], [envelope_id(other)])
        self.assertEqual(self.reports("holder by table").json()["reports"], [])
        for caller, status in {"none": 401, "revoked": 401}.items():
            self.assertProblem(self.reports(caller), status)
        self.assertProblem(self.reports(query="?after=x"), 400)
        self.server.reload(policy__reports="open")
        self.assertProblem(self.reports("none"), 401, "to the publisher")

    def test_unknown_publisher(self):
        self.serve(policy__publish="open")
        one = self.publish("none")[0]
        self.assertEqual(self.report(one).status, 204)
        self.assertEqual((self.bogus("known"), self.bogus("unknown")), (0, 1))
        self.logged("it was published without a credential")

    def test_reasons(self):
        self.serve()
        one = self.publish()[0]
        with self.connect(HOLDER) as connection:
            path = f"/cps/{DEST}/ppts/{envelope_id(one)}/report"
            for reason in ("", "Bad", "a%20b", "x" * 33, "a%0Ab", "a%22"):
                self.assertProblem(connection.request("POST", f"{path}?reason={reason}", b""), 400, "reason must be a word")
            self.assertEqual(connection.request("POST", f"{path}?reason={'x' * 32}", b"").status, 204)
        self.assertEqual([report["reason"] for report in self.reports().json()["reports"]], ["x" * 32])

    def test_who_may(self):
        self.serve()
        one = self.publish()[0]
        for caller, status in {"none": 401, PUBLISHER: 403, ANOTHER: 403, "revoked": 401}.items():
            self.assertProblem(self.report(one, caller), status)
        self.assertEqual(self.bogus("known"), 0)
        self.assertProblem(self.report(None), 404)
        self.assertProblem(self.report(envelope()), 404)
        self.assertGreaterEqual(self.left(), 38)
        with self.connect(HOLDER) as connection:
            for target, status in {f"/cps/{DEST}/ppts/x/report": 404, f"/cps/{DEST}/ppts//report": 404}.items():
                self.assertEqual(connection.request("POST", target, b"").status, status)
            answer = connection.request("GET", f"/cps/{DEST}/ppts/{envelope_id(one)}/report")
            self.assertEqual((answer.status, answer.get("Allow")), (405, "POST"))

    def test_switched_off(self):
        """Reports cost nothing, and their publisher is known and sees them."""
        self.serve(limits__report_cost=0)
        self.assertEqual(self.report(self.publish()[0]).status, 204)
        self.assertGreaterEqual(self.left(), 38)
        self.server.reload(limits__report_cost=10, limits__publish_by_spc=0)
        self.assertEqual(self.report(self.publish()[0]).status, 204)
        self.assertEqual((self.bogus("known"), self.bogus("unknown")), (2, 0))
        self.logged("reports an envelope as bogus publisher=spc:2222", 2)
        self.assertEqual(len(self.reports().json()["reports"]), 2)

    def test_s03_a_refused_publish_leaves_nothing(self):
        database = self.redis()
        self.serve(limits__publish_by_spc=1, limits__burst_s=1, store__url=database.url)
        until(lambda: self.server.admin_request("/health").status == 200, 20, "the store is there")
        statuses = [self.publish()[1].status for _ in range(30)]
        self.assertIn(429, statuses)
        with database.client() as client:
            keys = [key for key in client.call("KEYS", "*") if key.startswith(b"cpsk:") and b"/health" not in key]
        self.assertEqual(keys, [])  # a record beside the box would be there for refused ones, too
        with self.connect(HOLDER) as connection:
            answer = connection.request("GET", f"/cps/{DEST}/ppts?dummies=no", fields=[("Accept", "application/json")])
        self.assertEqual(len(answer.json()["ppts"]), statuses.count(201))

    def test_s03_a_publish_is_one_command(self):
        database = self.redis()
        self.serve(limits__publish_by_spc=1000, store__url=database.url)
        until(lambda: self.server.admin_request("/health").status == 200, 20, "the store is there")
        with database.client() as client, self.connect(PUBLISHER) as connection:
            for _ in range(3):  # the first makes the box with plain commands, the others run the script
                before = self.evaluations(client)
                self.assertEqual(connection.request("POST", f"/cps/{DEST}/ppts", envelope()).status, 201)
            self.assertEqual(self.evaluations(client) - before, 1)

    @staticmethod
    def evaluations(client):
        lines = client.call("INFO", "commandstats").decode().splitlines()
        calls = [line.split("calls=")[1].split(",")[0] for line in lines if line.startswith("cmdstat_eval")]
        return sum(map(int, calls))

    def test_s03_the_first_publisher_stays(self):
        self.serve()
        one = self.publish()[0]
        with self.connect("holder by table") as connection:  # another provider publishes the same envelope
            self.assertEqual(connection.request("POST", f"/cps/{DEST}/ppts", one).status, 200)
        self.assertEqual(self.report(one).status, 204)
        self.logged("reports an envelope as bogus publisher=spc:2222")
