# SPDX-License-Identifier: MIT
"""The dashboard, the manifests and the compose file are well-formed, hold together, and name what there is."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

HOME = pathlib.Path(__file__).resolve().parents[2]
faults = []


def fault(where, what):
    faults.append(f"check-deploy: {where}: {what}")


def metrics_of(program):
    """The names in a program's table of metrics."""
    text = (HOME / "deploy/prometheus/metrics.md").read_text()
    return set(re.findall(r"^\| `(%s_\w+)`" % program, text, re.M))


KNOWN = metrics_of("cpsd") | metrics_of("cps_smpp") | {"up"}


def check_names(where, text):
    for name in re.findall(r"\b(cpsd_\w+|cps_smpp_\w+)", text):
        if name not in KNOWN and re.sub(r"_(bucket|sum|count)$", "", name) not in KNOWN:
            fault(where, f"there is no metric {name}")


def check_dashboard(path):
    board = json.loads(path.read_text())
    ids = [panel["id"] for panel in board["panels"]]
    if len(set(ids)) != len(ids):
        fault(path, "two panels have one id")
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            check_names(path, target["expr"])
        if panel["type"] != "row" and not panel.get("targets"):
            fault(path, f"the panel {panel['title']} shows nothing")


def check_config(where, text, whole=True):
    """cpsd reads it; what it names is not here, so only the keys are looked at and, of a whole one, that somebody can
    publish (N4)."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as out:
        out.write(text)
        out.flush()
        done = subprocess.run([HOME / "build/dev/cps/cpsd", "-t", "-c", out.name], capture_output=True, text=True)
    if re.search("not known|unknown|no such key|no key" + ("|nobody can publish" if whole else ""), done.stderr):
        fault(where, done.stderr.strip())


def check_kubernetes(path):
    things = list(yaml.safe_load_all(path.read_text()))
    names = {(thing["kind"], thing["metadata"]["name"]) for thing in things}
    for thing in things:
        if not thing.get("apiVersion"):
            fault(path, f"{thing['kind']} has no apiVersion")
        if thing["kind"] == "ConfigMap":
            for name, text in thing["data"].items():
                check_config(f"{path}: {name}", text)
        if thing["kind"] == "Deployment":
            pod = thing["spec"]["template"]
            if thing["spec"]["selector"]["matchLabels"].items() - pod["metadata"]["labels"].items():
                fault(path, "the selector does not select the pods")
            volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
            for container in pod["spec"]["containers"]:
                if {mount["name"] for mount in container["volumeMounts"]} != volumes:
                    fault(path, "volumes and mounts differ")
                ports = {port["name"] for port in container["ports"]}
                for probe in ("readinessProbe", "livenessProbe"):
                    way = container[probe].get("httpGet") or container[probe].get("tcpSocket")
                    if way["port"] not in ports:
                        fault(path, f"{probe} asks a port that there is not")
            for volume in pod["spec"]["volumes"]:
                if "configMap" in volume and ("ConfigMap", volume["configMap"]["name"]) not in names:
                    fault(path, f"there is no ConfigMap {volume['configMap']['name']}")


def check_compose(path):
    compose = yaml.safe_load(path.read_text())
    for name, service in compose["services"].items():
        for other in service.get("depends_on", {}):
            if other not in compose["services"]:
                fault(path, f"{name} depends on {other}, which there is not")
        build = service.get("build")
        if build:
            dockerfile = (path.parent / build["context"] / build["dockerfile"]).resolve()
            if f"AS {build['target']}\n" not in dockerfile.read_text():
                fault(path, f"{build['dockerfile']} has no target {build['target']}")
        words = service.get("command", [])
        settings = [word for flag, word in zip(words, words[1:]) if flag == "-o"]
        check_config(path, "".join("[%s]\n%s\n" % tuple(word.split(".", 1)) for word in settings), whole=False)


def check_dockerfile(path):
    targets = re.findall(r"^FROM \S+ AS (\S+)$", path.read_text(), re.M)
    for source in re.findall(r"from=(\w+)", path.read_text()):
        if source not in targets:
            fault(path, f"there is no stage {source}")
    for file in re.findall(r"^(?:COPY|RUN) (deploy/\S+\.sh)", path.read_text(), re.M):
        if not (HOME / file).exists():
            fault(path, f"{file} is not there")


for rules in sorted((HOME / "deploy/prometheus").glob("*.yml")):
    check_names(rules, rules.read_text())
for board in sorted((HOME / "deploy/grafana").glob("*.json")):
    check_dashboard(board)
for manifest in sorted((HOME / "deploy/kubernetes").glob("*.yaml")):
    check_kubernetes(manifest)
check_compose(HOME / "deploy/docker/compose.yaml")
check_dockerfile(HOME / "deploy/docker/Dockerfile")
print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
sys.exit(bool(faults))
