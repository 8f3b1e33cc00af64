"""How often a device is waited for: tensors that say that they live on one, and count how often they are read."""

import pytest
import torch
from torch.utils._pytree import tree_map
from torch_series import in_backend

import prevue
from prevue_torch.watching import histograms


class OnDevice(torch.Tensor):
    """A tensor whose device is `cuda`, computed with on the CPU."""

    @staticmethod
    def __new__(cls, inner, reads):
        return torch.Tensor._make_wrapper_subclass(cls, inner.size(), dtype=inner.dtype, device="cuda")

    def __init__(self, inner, reads):
        self.inner, self.reads = inner, reads

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        reads = next(one.reads for one in torch.utils._pytree.tree_leaves(args) if isinstance(one, OnDevice))
        kwargs = dict(kwargs or {})
        name = func.overloadpacket.__name__
        is_read = name in ("_local_scalar_dense", "nonzero", "equal") or str(kwargs.get("device")) == "cpu"
        kwargs |= {"device": torch.device("cpu")} if "device" in kwargs else {}
        result = func(*tree_map(lambda one: one.inner if isinstance(one, OnDevice) else one, args), **kwargs)
        if is_read:
            reads.append(name)
            return result
        return tree_map(lambda one: cls(one, reads) if isinstance(one, torch.Tensor) else one, result)


@pytest.fixture
def reads():
    return []


def test_the_tensors_of_a_call_are_read_at_once(backend, reads):
    with prevue.init("on a device") as run:
        run.log({name: OnDevice(torch.tensor(float(value)), reads) for value, name in enumerate("abcd")}, 0)
    assert in_backend(backend, "on a device") == {("train", name): [(0, float(n))] for n, name in enumerate("abcd")}
    assert len(reads) == 1


def test_a_device_is_waited_for_twice_for_all_histograms(reads):
    torch.manual_seed(0)
    tensors = {name: torch.randn(50) for name in "abc"}
    found = histograms({name: OnDevice(tensor, reads) for name, tensor in tensors.items()})
    assert len(reads) == 2
    assert found["a"]["counts"] == histograms(tensors)["a"]["counts"]
