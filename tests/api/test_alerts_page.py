"""The page on alerts shows what works: its receiver is told by a real backend of a real run that breaks."""

import base64
import os
import subprocess
import sys

from pages import ROOT, blocks, run_python
from serving import free_port, served

PAGE = ROOT / "docs" / "how-to" / "get-alerts.md"


def test_the_receiver_of_the_page_is_told_by_a_backend(tmp_path):
    receiver, training = blocks(PAGE, "python")
    [told] = blocks(PAGE, "text")
    port, secret = str(free_port()), "whsec_" + base64.b64encode(os.urandom(32)).decode()
    signed = {"PREVUE_WEBHOOK_SECRET": secret, "PREVUE_WEBHOOK_URL": f"http://127.0.0.1:{port}/"}
    source = receiver.replace("9000", port)
    assert source != receiver
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, env=os.environ | signed, stdout=subprocess.PIPE, text=True) as listening:
        try:
            with served("backend", "--port", "0", data=tmp_path, **signed) as backend:
                environ = {"PREVUE_URL": backend.address("backend"), "PREVUE_SPOOL_DIR": f"{tmp_path}/spool"}
                run_python([training], os.environ | environ | {"PREVUE_UID": "tester"})
                assert "".join(listening.stdout.readline() for _ in told.splitlines()) == told
                assert secret not in backend.logged()
        finally:
            listening.terminate()
