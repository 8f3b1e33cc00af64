"""`tilt up` builds the images that run, leads to the ports that are open, and keeps only what it says."""

import json
import shutil
from pathlib import Path

import pytest

from deploy.manifests import Object, containers, dockerfile, named, of_kind, pod, ports
from deploy.tiltfile import Failed, Registered, evaluate
from pages import ROOT

PORTS = {"database": 5432, "backend": 8080, "frontend": 5006}
DEBUG_PORTS = {"pgadmin": 5050, "jupyter": 8888}


@pytest.fixture(scope="module")
def tiltfile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of it and of what it reads, as it makes secrets beside itself."""
    folder = tmp_path_factory.mktemp("tilt")
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("dev-secrets.json"))
    return Path(shutil.copy(ROOT / "Tiltfile", folder))


@pytest.fixture(params=[False, True], ids=["dev", "debug"])
def registered(request: pytest.FixtureRequest, tiltfile: Path) -> Registered:
    return evaluate(tiltfile, debug=request.param)


def test_the_modules_are_those_of_the_design(tiltfile: Path) -> None:
    dev, debug = evaluate(tiltfile), evaluate(tiltfile, debug=True)
    assert {name: one["labels"] for name, one in dev.resources.items()} == {name: ["core-module"] for name in PORTS}
    added = {name: one["labels"] for name, one in debug.resources.items() if name not in dev.resources}
    assert added == {name: ["debug-module"] for name in DEBUG_PORTS}
    assert set(debug.resources) == {one["metadata"]["name"] for one in of_kind(tuple(debug.objects), "Deployment")}


def test_ports_of_this_machine_lead_to_ports_that_are_open(registered: Registered) -> None:
    for name, resource in registered.resources.items():
        [(here, there)] = [map(int, forward.split(":")) for forward in resource["port_forwards"]]
        assert here == (PORTS | DEBUG_PORTS)[name]
        assert there in ports(named(tuple(registered.objects), "Deployment", name)).values()


def test_resources_wait_for_others_that_are_there(registered: Registered) -> None:
    for resource in [*registered.resources.values(), *registered.buttons.values()]:
        assert set(resource.get("resource_deps", [])) <= set(registered.resources)


def test_every_image_is_built_and_used_or_has_a_fixed_tag(registered: Registered) -> None:
    deployments = of_kind(tuple(registered.objects), "Deployment")
    used = {container["image"] for deployment in deployments for container in containers(deployment)}
    assert set(registered.images) <= used
    assert {image.rpartition(":")[2] for image in used - set(registered.images)} <= {"17-bookworm", "9.18"}


def test_changed_sources_go_where_the_image_looks_for_them(registered: Registered) -> None:
    build = registered.images["backend"]
    assert build["target"] == "dev"
    assert dockerfile(build["target"])
    copied = [rest.split()[-2:] for name, rest in dockerfile("build") if name == "COPY"]
    for step in build["live_update"]:
        assert (ROOT / step["local"]).is_dir()
        assert [step["local"], step["remote"].removeprefix("/app/")] in copied  # below the stage's WORKDIR
    assert ("WORKDIR", "/app") in dockerfile("build")


def test_a_change_starts_the_servers_anew(registered: Registered) -> None:
    for name in ("backend", "frontend"):
        [container] = pod(named(tuple(registered.objects), "Deployment", name))["containers"]
        assert container["command"][0] == "watchfiles"
        assert container["command"][-1] == "/app"
    assert any("watchfiles" in rest for name, rest in dockerfile("dev") if name == "RUN")
    assert not any("watchfiles" in rest for name, rest in dockerfile("final"))


def test_secrets_have_what_pods_mount(registered: Registered) -> None:
    objects = tuple(registered.objects)
    for deployment in of_kind(objects, "Deployment"):
        for secret in (volume["secret"] for volume in pod(deployment)["volumes"] if "secret" in volume):
            data = named(objects, "Secret", secret["secretName"])["stringData"]
            assert {item["key"] for item in secret["items"]} <= set(data)
            assert all(len(value) > 30 for value in data.values())


def test_secrets_stay_the_same_and_are_for_their_owner(tiltfile: Path) -> None:
    def secrets() -> list[Object]:
        return of_kind(tuple(evaluate(tiltfile).objects), "Secret")

    assert secrets() == secrets() != []
    file = tiltfile.parent / "deploy" / "dev-secrets.json"
    assert file.stat().st_mode & 0o077 == 0
    kept = json.loads(file.read_text())
    file.unlink()
    secrets()
    assert not set(kept.values()) & set(json.loads(file.read_text()).values())


def test_git_ignores_the_secrets() -> None:
    assert "deploy/dev-secrets.json" in (ROOT / ".gitignore").read_text().splitlines()


def test_only_the_data_outlives_tilt_down(registered: Registered) -> None:
    kept = {
        one["kind"] for one in registered.objects if "tilt.dev/down-policy" in one["metadata"].get("annotations", {})
    }
    assert kept == {"Namespace", "PersistentVolume", "PersistentVolumeClaim"}
    objects = tuple(registered.objects)
    claim, volume = (
        named(objects, "PersistentVolumeClaim", "database"),
        named(objects, "PersistentVolume", "prevue-database"),
    )
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
    assert volume["spec"]["claimRef"] == {"namespace": "prevue", "name": "database"}
    assert volume["spec"]["storageClassName"] == claim["spec"]["storageClassName"] == ""
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_it_is_for_kind_only(tiltfile: Path) -> None:
    with pytest.raises(Failed, match="gke-of-the-team"):
        evaluate(tiltfile, context="gke-of-the-team")


def test_the_button_trains_when_it_is_pressed(registered: Registered) -> None:
    [button] = registered.buttons.values()
    assert button["auto_init"] is False
    assert button["env"] == {"PREVUE_URL": "http://localhost:8080"}
    words = [word.rstrip(",") for word in button["command"].split()]
    assert all((ROOT / word).exists() for word in words if word.startswith(("./", "examples/")))


def test_jupyter_has_the_client_and_the_notebook() -> None:
    text = (ROOT / "deploy" / "jupyter" / "Dockerfile").read_text()
    assert "COPY --chown=10001:10001 deploy/jupyter/runs.ipynb" in text
    notebook = json.loads((ROOT / "deploy" / "jupyter" / "runs.ipynb").read_text())
    assert all(cell["outputs"] == [] for cell in notebook["cells"] if cell["cell_type"] == "code")
