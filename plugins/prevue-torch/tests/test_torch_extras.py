"""What is said where a library is not installed, and that none is imported before it is needed."""

import importlib
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [
        ("accelerate", ["accelerate"], "accelerate"),
        ("huggingface", ["transformers"], "transformers"),
        ("ignite", ["ignite"], "ignite"),
        ("lightning", ["lightning", "pytorch_lightning", "lightning_fabric"], "lightning"),
    ],
)
def test_a_missing_library_is_told_with_the_pip_command(monkeypatch, module, missing, extra):
    for name in [*sys.modules]:
        if name.partition(".")[0] in missing or name == f"prevue_torch.{module}":
            monkeypatch.delitem(sys.modules, name)  # it is back behind the test
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"pip install 'prevue-torch\[{extra}\]'"):
        importlib.import_module(f"prevue_torch.{module}")


def test_the_package_alone_imports_no_library():
    code = """import sys, prevue_torch
assert not {"torch", "lightning", "transformers", "accelerate", "ignite"} & set(sys.modules)
from prevue_torch import SummaryWriter, watch
assert not {"lightning", "transformers", "accelerate", "ignite", "tensorboard", "matplotlib"} & set(sys.modules)"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
