# SPDX-License-Identifier: MIT
"""See redis.sh."""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

from harness import Cpsd, make_certificate
from redis_farm import Cluster, Sentinels
from redis_night import cluster_events, night, sentinel_events, summary

KINDS = {"cluster": (Cluster, cluster_events), "sentinel": (Sentinels, sentinel_events)}


def one_night(directory, kind):
    make, events = KINDS[kind]
    farm, servers = make(directory, password="secret"), []
    try:
        certificate = make_certificate(directory, "server")
        for name in ("one", "other"):
            servers.append(Cpsd(directory, name, certificate, store__url=farm.url, store__durability="replicas:1"))
        count, found = night(farm, servers, events, rest=2.0, long=True, threads=6, say=lambda text: print("  " + text))
        print(f"{kind}: {summary(count, found)}", flush=True)
        for server in servers:
            server.stop()
        return found == len(count.acknowledged) and count.broken == 0
    finally:
        for server in servers:
            server.kill()
        farm.stop()


def main():
    directory = tempfile.mkdtemp(prefix="cps-night-")
    good = True
    try:
        for kind in sys.argv[1:] or KINDS:
            os.mkdir(os.path.join(directory, kind))
            print(f"{kind}:", flush=True)
            good = one_night(os.path.join(directory, kind), kind) and good
    finally:
        shutil.rmtree(directory)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
