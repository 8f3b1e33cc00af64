"""Manifests, image and settings agree with one another, and production holds nothing that is for development."""

import os
import re
import subprocess
import sys

import kubernetes_validate
import pytest
from kubernetes_validate.utils import all_versions, major_minor

from deploy.manifests import (
    NAME,
    OVERLAYS,
    PROBES,
    Object,
    containers,
    dockerfile,
    environment,
    image_command,
    image_environment,
    named,
    of_kind,
    pod,
    ports,
    rendered,
    selected,
)
from pages import ROOT
from prevue_core.settings import dashboard_settings, server_settings

RELEASES = list(dict.fromkeys(map(major_minor, all_versions())))[-3:]
OURS = ("backend", "frontend")
WRITABLE = ("pgadmin", "jupyter")  # of the debug module: they write beside their code, or are for writing
PRODUCTION = rendered("overlays/production")


@pytest.fixture(params=OVERLAYS)
def objects(request: pytest.FixtureRequest) -> tuple[Object, ...]:
    """What each kustomization makes."""
    return rendered(request.param)


@pytest.mark.parametrize("release", RELEASES)
def test_kubernetes_takes_every_object(objects: tuple[Object, ...], release: str) -> None:
    for one in objects:
        kubernetes_validate.validate(one, release, strict=True)


def test_a_service_leads_to_a_port_of_one_deployment(objects: tuple[Object, ...]) -> None:
    for service in of_kind(objects, "Service"):
        [deployment] = selected(objects, service["spec"]["selector"])
        assert deployment["metadata"]["name"] == service["metadata"]["name"]
        assert {(port["targetPort"], port["port"]) for port in service["spec"]["ports"]} == set(
            ports(deployment).items()
        )


def test_an_ingress_leads_to_a_port_of_a_service(objects: tuple[Object, ...]) -> None:
    for ingress in of_kind(objects, "Ingress"):
        for path in (path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]):
            target = path["backend"]["service"]
            service = named(objects, "Service", target["name"])
            assert target["port"]["name"] in [port["name"] for port in service["spec"]["ports"]]


def test_a_deployment_selects_its_own_pods_only(objects: tuple[Object, ...]) -> None:
    for deployment in of_kind(objects, "Deployment"):
        labels = deployment["spec"]["selector"]["matchLabels"]
        assert labels == {NAME: deployment["metadata"]["name"]}  # nothing else: a selector cannot be changed
        assert selected(objects, labels) == [deployment]


def test_traffic_is_allowed_between_what_is_there_and_to_ports_that_are_open(objects: tuple[Object, ...]) -> None:
    for policy in of_kind(objects, "NetworkPolicy"):
        spec = policy["spec"]
        receivers = selected(objects, spec["podSelector"]["matchLabels"]) if spec["podSelector"] else []
        for rule in spec.get("ingress", []):
            assert len(receivers) == 1
            assert {port["port"] for port in rule["ports"]} == set(ports(receivers[0]).values())
        for rule in [*spec.get("ingress", []), *spec.get("egress", [])]:
            for peer in [*rule.get("from", []), *rule.get("to", [])]:
                if "podSelector" in peer:
                    assert len(selected(objects, peer["podSelector"]["matchLabels"])) == 1


def test_what_may_be_sent_may_be_received(objects: tuple[Object, ...]) -> None:
    def peers(direction: str, side: str) -> set[tuple[str, str, int]]:
        return {
            (policy["spec"]["podSelector"]["matchLabels"][NAME], peer["podSelector"]["matchLabels"][NAME], port["port"])
            for policy in of_kind(objects, "NetworkPolicy")
            for rule in policy["spec"].get(direction, [])
            for peer in rule.get(side, [])
            if "podSelector" in peer
            for port in rule["ports"]
        }

    sent = peers("egress", "to")
    assert {(receiver, sender, port) for sender, receiver, port in sent} == peers("ingress", "from")
    assert ("frontend", "backend", 8080) in sent


def test_a_probe_asks_a_port_that_the_container_has_and_a_path_that_the_server_has(
    objects: tuple[Object, ...],
) -> None:
    for deployment in of_kind(objects, "Deployment"):
        for container in pod(deployment)["containers"]:
            asked = [container[probe] for probe in PROBES]
            actions = [probe.get("httpGet") or probe.get("tcpSocket") for probe in asked]
            assert {action["port"] for action in actions if action} <= set(ports(deployment))
    for name in OURS:
        [container] = pod(named(objects, "Deployment", name))["containers"]
        # The database is asked for by the third alone: an outage of it is no reason to restart a process.
        assert [container[probe]["httpGet"]["path"] for probe in PROBES] == ["/healthz", "/healthz", "/readyz"]


def test_ports_are_those_of_the_image_and_of_the_settings(objects: tuple[Object, ...]) -> None:
    numbers = {name: ports(named(objects, "Deployment", name))["http"] for name in OURS}
    assert numbers == {"backend": server_settings(environ={}).port, "frontend": dashboard_settings(environ={}).port}
    [exposed] = [rest.split() for name, rest in dockerfile("final") if name == "EXPOSE"]
    assert {int(port) for port in exposed} == set(numbers.values())


def test_settings_are_those_that_prevue_reads(objects: tuple[Object, ...]) -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    known = set(re.findall(r"^\| `(PREVUE_[A-Z_]+)`", page, re.MULTILINE))
    secret = set(re.findall(r"^\| `(PREVUE_[A-Z_]+)`.*\*secret\*", page, re.MULTILINE))
    for deployment in of_kind(objects, "Deployment"):
        for container in containers(deployment):
            given = {name for name in environment(objects, container) if name.startswith("PREVUE_")}
            assert given <= known | {f"{name}_FILE" for name in secret}
            assert not given & secret  # a file does not show where the environment does
    assert set(image_environment()) - {"PATH", "PYTHONUNBUFFERED"} <= known


def test_the_servers_start_with_their_settings(objects: tuple[Object, ...], tmp_path) -> None:
    (tmp_path / "url").write_text("postgresql://prevue@database/prevue")
    (tmp_path / "secret-key").write_text("0123456789abcdefghijklmnopqrstuvwxyz")

    def environ(name: str) -> dict[str, str]:
        [container] = pod(named(objects, "Deployment", name))["containers"]
        folder = f"/run/secrets/{'database' if name == 'backend' else name}"
        assert folder in {mount["mountPath"] for mount in container["volumeMounts"]}
        given = image_environment() | environment(objects, container)
        return {name: value.replace(folder, str(tmp_path)) for name, value in given.items()}

    backend, frontend = server_settings(environ=environ("backend")), dashboard_settings(environ=environ("frontend"))
    assert backend.auth == frontend.auth is not None
    assert backend.host == frontend.host == "0.0.0.0"
    assert backend.trusted_proxies == 1
    assert backend.database_url.startswith("postgresql:")
    assert frontend.secret_key
    assert backend.auth == "auth" or "backend" in backend.allowed_hosts  # the name by which the dashboard asks it


def test_the_dashboard_asks_the_backend_s_service(objects: tuple[Object, ...]) -> None:
    [container] = pod(named(objects, "Deployment", "frontend"))["containers"]
    service = named(objects, "Service", "backend")
    url = f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    assert environment(objects, container)["PREVUE_URL"] == url


def prevue(command: list[str], **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a container's command with this Python's Prevue."""
    assert command[0] == "prevue"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PREVUE_")} | settings
    command = [sys.executable, "-m", *command]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_containers_run_commands_that_prevue_has() -> None:
    found = {tuple(image_command())}
    for deployment in (named(rendered(overlay), "Deployment", name) for overlay in OVERLAYS for name in OURS):
        for command in (container["command"] for container in containers(deployment)):
            found.add(tuple(command[1].split() if command[0] == "watchfiles" else command))
    assert found == {("prevue", "backend"), ("prevue", "dashboard"), ("prevue", "db", "upgrade")}
    for command in found:
        assert prevue([*command, "--help"]).returncode == 0


def test_one_image_is_all_of_prevue(objects: tuple[Object, ...]) -> None:
    images = {one["image"] for name in OURS for one in containers(named(objects, "Deployment", name))}
    assert len(images) == 1


def test_nothing_runs_as_root_or_may_become_it(objects: tuple[Object, ...]) -> None:
    users = {}
    for deployment in of_kind(objects, "Deployment"):
        spec, name = pod(deployment), deployment["metadata"]["name"]
        assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        users[name] = f"{spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}"
        for container in containers(deployment):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"]["drop"] == ["ALL"]
            may_write = name in WRITABLE or container.get("command", [""])[0] == "watchfiles"
            assert context.get("readOnlyRootFilesystem", False) is not may_write
            assert "memory" in container["resources"]["limits"]
            assert {"cpu", "memory"} == set(container["resources"]["requests"])
    [user] = [rest for name, rest in dockerfile("final") if name == "USER"]
    assert {users[name] for name in OURS} == {user}


def test_what_a_pod_mounts_is_there_or_a_secret_of_yours(objects: tuple[Object, ...]) -> None:
    for deployment in of_kind(objects, "Deployment"):
        volumes = {volume["name"]: volume for volume in pod(deployment)["volumes"]}
        for container in containers(deployment):
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
        for volume in volumes.values():
            if "configMap" in volume:
                named(objects, "ConfigMap", volume["configMap"]["name"])
            if "persistentVolumeClaim" in volume:
                named(objects, "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
            if "secret" in volume:
                assert volume["secret"]["optional"], "the container has to start, to say what is missing"


def test_no_secret_is_in_the_manifests(objects: tuple[Object, ...]) -> None:
    assert of_kind(objects, "Secret") == []


def test_a_missing_secret_is_named() -> None:
    for name in OURS:
        for container in containers(named(PRODUCTION, "Deployment", name)):
            ended = prevue(container["command"], **(image_environment() | environment(PRODUCTION, container)))
            assert ended.returncode != 0
            assert re.search(r"PREVUE_\w+_FILE is '/run/secrets/\S+', which cannot be read: No such file", ended.stderr)


def test_production_has_nothing_of_development() -> None:
    assert {one["metadata"]["name"] for one in of_kind(PRODUCTION, "Deployment")} == set(OURS)
    assert of_kind(PRODUCTION, "PersistentVolume", "PersistentVolumeClaim") == []
    for deployment in of_kind(PRODUCTION, "Deployment"):
        assert not any("hostPath" in volume for volume in pod(deployment)["volumes"])
        for container in containers(deployment):
            assert re.fullmatch(r".+(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})", container["image"])
    [config] = of_kind(PRODUCTION, "ConfigMap")
    assert config["data"]["PREVUE_AUTH"] == "auth"
    assert "localhost" not in str(PRODUCTION)


def test_production_scales_and_survives_the_loss_of_a_node() -> None:
    for name in OURS:
        deployment = named(PRODUCTION, "Deployment", name)
        scaler = named(PRODUCTION, "HorizontalPodAutoscaler", name)["spec"]
        budget = named(PRODUCTION, "PodDisruptionBudget", name)["spec"]
        assert "replicas" not in deployment["spec"]  # each apply would take the scaler's number back
        assert scaler["scaleTargetRef"]["name"] == name
        assert scaler["minReplicas"] >= 2
        assert selected(PRODUCTION, budget["selector"]["matchLabels"]) == [deployment]
        [spread] = pod(deployment)["topologySpreadConstraints"]
        assert selected(PRODUCTION, spread["labelSelector"]["matchLabels"]) == [deployment]


def test_production_is_reached_over_tls_only() -> None:
    for ingress in of_kind(PRODUCTION, "Ingress"):
        hosts = [rule["host"] for rule in ingress["spec"]["rules"]]
        assert [host for tls in ingress["spec"]["tls"] for host in tls["hosts"]] == hosts
