"""The Kubernetes objects that kustomize makes of deploy/k8s, and the image as the Dockerfile describes it."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pages import ROOT

K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("base", "overlays/dev", "overlays/debug", "overlays/production")
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
NAME = "app.kubernetes.io/name"

Object = dict[str, Any]


@cache
def rendered(folder: str, k8s: Path = K8S) -> tuple[Object, ...]:
    """Return the objects of a kustomization below deploy/k8s."""
    command = ["kubectl", "kustomize", str(k8s / folder)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return tuple(yaml.safe_load_all(text))


def of_kind(objects: tuple[Object, ...], *kinds: str) -> list[Object]:
    """Return the objects of some kinds."""
    return [one for one in objects if one["kind"] in kinds]


def named(objects: tuple[Object, ...], kind: str, name: str) -> Object:
    """Return the one object of a kind and name."""
    [found] = [one for one in of_kind(objects, kind) if one["metadata"]["name"] == name]
    return found


def pod(deployment: Object) -> Object:
    """Return the specification of a Deployment's Pods."""
    return deployment["spec"]["template"]["spec"]


def containers(deployment: Object) -> list[Object]:
    """Return a Deployment's containers, those that run before the others included."""
    return [*pod(deployment).get("initContainers", []), *pod(deployment)["containers"]]


def ports(deployment: Object) -> dict[str, int]:
    """Return the ports that a Deployment's containers name."""
    return {port["name"]: port["containerPort"] for one in containers(deployment) for port in one.get("ports", [])}


def selected(objects: tuple[Object, ...], labels: dict[str, str]) -> list[Object]:
    """Return the Deployments to whose Pods a selector leads."""
    assert labels, "an empty selector is every Pod"
    return [
        one
        for one in of_kind(objects, "Deployment")
        if labels.items() <= one["spec"]["template"]["metadata"]["labels"].items()
    ]


def environment(objects: tuple[Object, ...], container: Object) -> dict[str, str]:
    """Return the environment of a container; Secrets come as files, so all of it is in the manifests."""
    environ: dict[str, str] = {}
    for source in container.get("envFrom", []):
        environ |= named(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    return environ | {one["name"]: one["value"] for one in container.get("env", [])}


def dockerfile(stage: str = "") -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, of one stage or of all, each with its arguments."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    found: list[tuple[str, str]] = []
    current = ""
    for line in text.splitlines():
        if not (match := re.match(r"([A-Z]+) +(.*)", line)):
            continue
        if match[1] == "FROM":
            current = match[2].partition(" AS ")[2] or "final"
        if stage in ("", current):
            found.append((match[1], match[2]))
    return found


def image_environment() -> dict[str, str]:
    """Return what the image sets for all its commands."""
    words = [word for name, rest in dockerfile("base") if name == "ENV" for word in rest.split()]
    return dict(word.split("=", 1) for word in words)


def image_command() -> list[str]:
    """Return the image's default command."""
    [command] = [rest for name, rest in dockerfile("final") if name == "CMD"]
    return json.loads(command)
