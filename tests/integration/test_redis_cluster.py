# SPDX-License-Identifier: MIT
"""cpsd on a Redis Cluster and with Sentinels: while servers die, move and come back nothing that was acknowledged is
lost, and readers at other servers are woken. tests/fault/redis.sh does the same for longer."""
# presets: dev
# alone: a dozen servers, and who notices in time that one is away
import binascii
import unittest

from envelope import envelope, envelope_id
from harness import Case
from redis_farm import Cluster, Sentinels
from redis_night import cluster_events, night, sentinel_events, summary
from wire import until


class Nights(Case):
    def farm(self, kind, **options):
        farm = kind(self.temp(), **options)
        self.addCleanup(farm.stop)
        return farm

    def night(self, farm, events, replicas=1):
        # what replicas do not confirm is answered 503 after half of this time, and published again
        server = self.cpsd(store__url=farm.url, store__durability=f"replicas:{replicas}", store__timeout_ms=1000)
        count, found = night(farm, [server], events, rest=0.3, threads=3, least=20)
        print(summary(count, found))
        self.assertEqual(found, len(count.acknowledged), "an acknowledged envelope is lost")
        self.assertEqual(count.broken, 0)
        return server

    def test_cluster(self):
        self.night(self.farm(Cluster, node_timeout_ms=1000, password="secret"), cluster_events)

    def test_f32_no_question_on_a_subscribed_connection(self):
        """A Sentinel's connection takes no questions once it is subscribed: another connection is made for them.

        Sentinels may choose any replica as the next primary, so every replica has to confirm."""
        farm = self.farm(Sentinels, down_after_ms=700, password="secret", replicas=2)
        server = self.night(farm, sentinel_events, replicas=2)
        self.assertNotIn("makes no sense", server.log())


class Together(Case):
    """Two cpsd on one cluster."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.farm = Cluster(cls.dir, node_timeout_ms=5000, replicas=False)  # nobody is away here
        cls.addClassCleanup(cls.farm.stop)

    def setUp(self):
        settings = {"store__url": self.farm.url, "dummies__mode": "empty", "policy__delete": "open"}
        self.one, self.other = (self.cpsd(**settings) for _ in range(2))

    def waits(self, dest):
        connection = self.other.connect()
        self.addCleanup(connection.close)
        connection.send(f"GET /cps/{dest}/ppts HTTP/1.1\r\nHost: x\r\nPrefer: wait=30\r\n\r\n".encode())
        self.waiting(self.other)
        connection.sock.settimeout(25)  # shorter than the wait: an answer comes because of the message
        return connection

    def test_woken_from_elsewhere(self):
        for i in range(20):
            dest, text = f"1215777{i:04d}", envelope()
            waiting = self.waits(dest)
            self.assertEqual(self.one.publish(dest, text).status, 201)
            self.assertIn(envelope_id(text), waiting.response().body.decode())

    def test_woken_after_a_slot_has_moved(self):
        dest = "12158880001"
        slot = self.farm.slot("cps:{%s}" % dest)
        waiting = self.waits(dest)
        source = self.farm.owner(slot)
        target = next(s for s in self.farm.servers if s is not source)
        self.farm.move(slot, target)
        until(lambda: any(target.call("PUBSUB", "SHARDCHANNELS", f"*{dest}*")), 20, "the subscription has moved")
        text = envelope()
        self.assertEqual(self.one.publish(dest, text).status, 201)
        self.assertIn(envelope_id(text), waiting.response().body.decode())

    def test_published_while_its_slot_moves(self):
        dest = "12158880002"
        slot = self.farm.slot("cps:{%s}" % dest)
        before = [envelope() for _ in range(3)]
        for text in before:
            self.assertEqual(self.one.publish(dest, text).status, 201)
        source = self.farm.owner(slot)
        target = next(s for s in self.farm.servers if s is not source)
        during = []

        def between():
            during.append(envelope())
            self.assertEqual(self.other.publish(dest, during[-1]).status, 201)
            self.assertEqual(self.one.publish(dest, before[0]).status, 200)
            listed = self.one.request("GET", f"/cps/{dest}/ppts").body.decode()
            for known in before + during:
                self.assertIn(envelope_id(known), listed)

        self.farm.move(slot, target, between)
        self.assertTrue(during)
        listed = self.other.request("GET", f"/cps/{dest}/ppts").body.decode()
        for text in before + during:
            self.assertIn(envelope_id(text), listed)

    def test_boxes_of_one_while_their_slot_moves(self):
        """These are made without a script, at whichever node they belong to by then."""
        slot = self.farm.slot("cps:{12158880003}")
        names = (f"1215889{i:05d}" for i in range(100000))
        same = [name for name in names if binascii.crc_hqx(name.encode(), 0) % 16384 == slot][:3]
        boxes = dict(zip(["12158880003", *same], [envelope() for _ in range(4)], strict=True))
        published = []

        def publish(count):
            for dest in list(boxes)[len(published) : len(published) + count]:
                self.assertEqual(self.one.publish(dest, boxes[dest]).status, 201)
                published.append(dest)

        def check():
            for server in self.one, self.other:
                for dest in published:
                    listed = server.request("GET", f"/cps/{dest}/ppts").body.decode()
                    self.assertIn(envelope_id(boxes[dest]), listed)
                    path = f"/cps/{dest}/ppts/{envelope_id(boxes[dest])}"
                    self.assertEqual(server.request("GET", path).body.decode(), boxes[dest])

        def between():
            publish(2)
            check()

        publish(1)
        source = self.farm.owner(slot)
        self.farm.move(slot, next(s for s in self.farm.servers if s is not source), between)
        publish(1)
        check()
        for dest in published:
            path = f"/cps/{dest}/ppts/{envelope_id(boxes[dest])}"
            self.assertEqual([self.one.request("DELETE", path).status for _ in range(2)], [204, 410])
        statistics = b"".join(server.call("INFO", "commandstats") for server in self.farm.servers)
        self.assertIn(b"cmdstat_hsetnx", statistics)


if __name__ == "__main__":
    unittest.main()
