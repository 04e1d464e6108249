"""The sidecar."""
import json
import os
import re

from smpp_parts import BUILD, SECONDS, Process, until

SIDECAR = os.path.join(BUILD, "client", "cps-smpp")


class Sidecar(Process):
    """cps-smpp in front of a port. `keys` are configuration keys: submit__action="sign"."""

    def __init__(self, directory, name, peer_port, **keys):
        self.directory = os.path.join(directory, name)
        os.makedirs(self.directory)
        self.judged_path = os.path.join(self.directory, "judged")
        sections = {}
        for key, value in {"listen__address": "127.0.0.1:0", "peer__address": f"127.0.0.1:{peer_port}",
                           "admin__address": "127.0.0.1:0", "log__level": "info", "log__numbers": "yes",
                           "log__judged": self.judged_path, **keys}.items():  # fmt: skip
            section, key = key.split("__")
            sections.setdefault(section, []).append(f"{key} = {value}\n")
        config = os.path.join(self.directory, "cps-smpp.conf")
        with open(config, "w") as out:
            for section, lines in sections.items():
                out.write(f"[{section}]\n" + "".join(lines))
        super().__init__([SIDECAR, "-c", config], os.path.join(self.directory, "log"))
        try:
            self.port = int(until(self._listening, SECONDS, name + " listens")[1])
        except AssertionError:
            self.kill()
            raise

    def _listening(self):
        assert self.running(), "cps-smpp: " + self.log()
        return re.search(r"listening on \S*127\.0\.0\.1:(\d+)", self.log())

    def judged(self):
        """The lines of the log of judged messages."""
        if not os.path.exists(self.judged_path):
            return []
        with open(self.judged_path) as lines:
            text = lines.read()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].split("\n") if line]

    def stop(self):
        self.process.terminate()
        status = self.wait(SECONDS)
        assert status == 0, f"cps-smpp ended with {status}:\n{self.log()}"
