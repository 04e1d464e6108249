# SPDX-License-Identifier: MIT
"""deploy/prometheus/metrics.md is one table of all metrics: what the programs serve, no more and no less.

After a change: BUILD_DIR=build/dev UPDATE_METRICS=1 python3 tests/integration/test_metrics.py"""
# presets: dev
import os
import pathlib
import re
import unittest
import urllib.request

from smpp_case import SmppCase

TABLE = pathlib.Path(__file__).resolve().parents[2] / "deploy/prometheus/metrics.md"
HEAD = """# Metrics

What `/metrics` on the admin listeners of cpsd and cps-smpp serves, in Prometheus' text form. Counters and histograms are
counted since the program's start and never reset by a scrape.

| metric | type | meaning |
|---|---|---|
"""


def fetch(address):
    with urllib.request.urlopen("http://%s:%d/metrics" % address, timeout=20) as answer:
        return answer.read().decode()


def rows(text):
    """The table's rows for a program: from HELP and TYPE, in its order."""
    meaning = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.M))
    return [f"| `{name}` | {kind} | {meaning[name].rstrip('.')} |\n" for name, kind in
            re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)]  # fmt: skip


class Metrics(SmppCase):
    def test_table(self):
        """Every metric is announced with HELP and TYPE, once, and is in the table."""
        self.chain(signer={"spool__file": os.path.join(self.temp(), "spool")})
        sidecar = ("127.0.0.1", int(str(self.a.keys["admin__listen"]).rsplit(":", 1)[1]))
        texts = [fetch(self.cps.admin), fetch(sidecar)]
        for text in texts:
            names = re.findall(r"^# TYPE (\S+)", text, re.M)
            self.assertEqual(len(names), len(set(names)))
            self.assertEqual(names, re.findall(r"^# HELP (\S+) .", text, re.M))
            for sample in re.findall(r"^(?!#)([a-z_]+)", text, re.M):
                self.assertIn(re.sub(r"_(bucket|sum|count)$", "", sample) if sample not in names else sample, names)
        expected = HEAD + "".join(dict.fromkeys(row for text in texts for row in rows(text)))
        table, text, more = TABLE.read_text().partition("\n\nValues of labels ")  # what follows is written by hand
        if os.environ.get("UPDATE_METRICS"):
            TABLE.write_text(expected.rstrip("\n") + text + more)
            return
        self.assertEqual(table.rstrip("\n") + "\n", expected, "run it with UPDATE_METRICS=1, then read what changed")

    def test_scraping_resets_nothing(self):
        before = self.cps.metrics()
        for _ in range(3):
            after = self.cps.metrics()
        for name, value in before.items():
            if name.split("{")[0].endswith(("_total", "_bucket", "_sum", "_count")):
                self.assertGreaterEqual(after[name], value, name)


del SmppCase  # not to be run again here
if __name__ == "__main__":
    unittest.main()
