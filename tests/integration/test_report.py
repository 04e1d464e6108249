"""A holder reports bogus envelopes, and who published them may publish less."""
# presets: dev asan
from callers import DEST, NO_ID, CallersCase
from envelope import envelope, envelope_id

HOLDER, PUBLISHER, ANOTHER = "holder by TN", "other SPC", "other TN"


class Report(CallersCase):
    def serve(self, **keys):
        self.server = self.cpsd(**{**self.keys(), "limits__publish_by_spc": 1, "limits__burst_s": 40,
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

    def test_counts_against_its_publisher(self):
        self.serve()
        one, answer = self.publish()
        self.assertEqual((answer.status, answer.get("RateLimit-Remaining")), (201, "39"))
        self.assertEqual(self.report(one).status, 204)
        self.assertLessEqual(self.left(), 32)
        # once for each envelope
        for _ in range(5):
            self.assertEqual(self.report(one).status, 204)
        self.assertGreaterEqual(self.left(), 26)
        for _ in range(3):
            other, answer = self.publish()
            self.assertEqual(answer.status, 201)
            self.assertEqual(self.report(other).status, 204)
        answer = self.publish()[1]
        self.assertProblem(answer, 429)
        self.assertGreaterEqual(int(answer.get("Retry-After")), 3)
        self.assertEqual(self.bogus("known"), 4)
        self.assertEqual(self.server.log().count("an envelope that spc:2222 published is bogus"), 4)
        # others publish on
        self.assertEqual(self.publish("holder by table")[1].status, 201)

    def test_unknown_publisher(self):
        self.serve()
        one = self.publish(ANOTHER)[0]  # its certificate names no provider
        self.assertEqual(self.report(one).status, 204)
        self.assertEqual((self.bogus("known"), self.bogus("unknown")), (0, 1))

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
        self.serve(limits__report_cost=0)
        one = self.publish()[0]
        self.assertEqual(self.report(one).status, 204)
        self.assertGreaterEqual(self.left(), 38)
        self.assertEqual(self.bogus("unknown"), 1)
