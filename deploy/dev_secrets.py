"""Prints the Secrets of the development cluster, as the Tiltfile gives them to Kubernetes.

They are made at the first `tilt up` and kept in a file, so that the next one still knows the database's password.
"""

import json
import os
import secrets
import sys
from pathlib import Path

FILE = Path(__file__).with_name("dev-secrets.json")  # git ignores it


def kept(path: Path) -> dict[str, str]:
    """Return the secrets in the file at `path`; the first call makes it, for its owner's eyes only."""
    if not path.exists():
        names = ("database", "reader", "dashboard", "pgadmin", "jupyter")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({name: secrets.token_urlsafe(36) for name in names}, file, indent=2)
    return json.loads(path.read_text())


def manifests(kept: dict[str, str]) -> list[dict[str, object]]:
    """Return the Kubernetes objects that hold the secrets, under the names that deploy/k8s asks for."""
    data = {
        "database": {
            "password": kept["database"],
            "reader-password": kept["reader"],
            "url": f"postgresql://prevue:{kept['database']}@database:5432/prevue",
        },
        "frontend": {"secret-key": kept["dashboard"]},
        "debug": {
            "pgadmin-password": kept["pgadmin"],
            "jupyter-token": kept["jupyter"],
            "pgpass": f"database:5432:*:reader:{kept['reader']}\n",
        },
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": "prevue"},
            "stringData": values,
        }
        for name, values in data.items()
    ]


if __name__ == "__main__":
    made = manifests(kept(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE))
    print("\n---\n".join(json.dumps(manifest, indent=2) for manifest in made))
