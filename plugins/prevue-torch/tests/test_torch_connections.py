"""How layers are connected, read from the code of modules. What `torch.fx` finds by tracing them is the oracle."""

import json

import pytest
import torch
from torch import fx, nn
from torch.nn import functional

from prevue_core.contract import MAX_LAYERS
from prevue_torch.describe import describe_model


def described(model):
    return json.loads(json.dumps(describe_model(model)))


def connected(model):
    """Return the edges of a model, by the names of layers."""
    description = described(model)
    names = [layer["name"] for layer in description["layers"]]
    return {(names[before], names[after]) for before, after in description["edges"]}


class Residual(nn.Module):
    """A block that adds what came in, changed where the size asks for it."""

    def __init__(self, channels, out):
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, padding=1)
        self.relu = nn.ReLU()
        self.down = nn.Conv2d(channels, out, 1) if channels != out else None

    def forward(self, x):
        identity = x
        out = self.relu(self.conv(x))
        if self.down is not None:
            identity = self.down(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """Blocks in lists, found by numbers and by method."""

    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList([nn.Sequential(Residual(3, 4), Residual(4, 4)), Residual(4, 8)])
        self.head = nn.Linear(8, 2)

    def _pooled(self, x):
        return torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1)

    def forward(self, x):
        for number, _ in enumerate(self.stages):
            x = self.stages[number](x)
        return self.head(self._pooled(x))


class DenseNet(nn.Module):
    """Each layer takes all that came before; the result is scaled by a parameter of the module."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3 * (1 + number), 3, 3, padding=1) for number in range(4)])
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        found = [x]
        for layer in self.layers:
            found.append(layer(torch.cat(found, 1)))
        return torch.cat(found, 1) * self.scale


class Branches(nn.Module):
    """A comprehension, a dict of modules, keywords, several outputs."""

    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList([nn.Linear(3, 4) for _ in range(3)])
        self.heads = nn.ModuleDict({"mean": nn.Linear(4, 1), "scale": nn.Linear(4, 1)})
        self.lstm = nn.LSTM(4, 4)

    def forward(self, x):
        a, b, c = [branch(x) for branch in self.branches]
        states, (hidden, _) = self.lstm(a + b)
        both = torch.stack((states, c)) if self.heads is not None else None
        return {"mean": self.heads["mean"](input=both), "scale": self.heads.scale(hidden)}


class Attention(nn.Module):
    """Sizes of a tensor are no data; which way is taken stands in an attribute."""

    def __init__(self):
        super().__init__()
        self.norm, self.all, self.out, self.drop = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8), nn.Dropout(0.5)
        self.is_fused, self.heads = True, 2

    @property
    def gate(self):
        return self.out

    def forward(self, x):
        batch, length, width = x.size()
        parts = self.all(self.norm(x)).split(width, dim=2)
        q, k, v = [part.view(batch, length, self.heads, -1).transpose(1, 2) for part in parts]
        y = functional.scaled_dot_product_attention(q, k, v) if self.is_fused else self.drop(q @ k) @ v
        return x + self.gate(y.transpose(1, 2).reshape(batch, length, width))


def traced(model, names):
    """Return the edges between modules that `torch.fx` finds when it runs the model with symbols."""

    class Tracer(fx.Tracer):
        def is_leaf_module(self, module, name):
            return not module._modules

    flows, edges = {}, set()
    for node in Tracer().trace(model).nodes:
        given = set().union(*(flows[one] for one in node.all_input_nodes))
        if node.op == "call_module":
            name = node.target.replace(".", "/")
            edges |= {(before, name) for before in given}
            flows[node] = {name}
        elif node.op == "get_attr":
            flows[node] = {node.target.rpartition(".")[0].replace(".", "/") or type(model).__name__} & names
        else:
            flows[node] = given
    return edges


def between_modules(model, names):
    """Return the described edges with operations left out, and what is called again as one."""
    edges = {(_called(before, names), _called(after, names)) for before, after in connected(model)}
    for operation in {name for edge in edges for name in edge} - names:
        given = [before for before, after in edges if after == operation]
        taken = [after for before, after in edges if before == operation]
        edges = {edge for edge in edges if operation not in edge} | {(a, b) for a in given for b in taken}
    return edges


def _called(name, names):
    return name.rpartition("_")[0] if name.rpartition("_")[0] in names else name


@pytest.mark.parametrize("make", [lambda: Residual(3, 4), ResNet, DenseNet, Branches])
def test_layers_are_connected_as_a_trace_finds_them(make):
    model = make()
    names = {layer["name"] for layer in described(model)["layers"] if layer["type"][0].isupper()}
    names = {_called(name, names) for name in names}
    assert between_modules(model, names) == traced(model, names) != set()


def test_code_that_no_trace_gets_through_is_read_too():
    with pytest.raises(fx.proxy.TraceError):
        fx.symbolic_trace(Attention())
    assert connected(Attention()) == {("norm", "all"), ("all", "out")}


def test_layers_of_sequential_modules_are_a_chain():
    inner = nn.Sequential(nn.ReLU(), nn.Linear(2, 2))
    assert connected(nn.Sequential(nn.Linear(2, 2), inner, nn.ReLU())) == {("0", "1/0"), ("1/0", "1/1"), ("1/1", "2")}


def test_what_joins_tensors_and_what_is_called_again_is_listed_in_the_order_of_use():
    layers = described(Residual(3, 4))["layers"]
    told = [(layer["name"], layer["type"], layer["parameters"]) for layer in layers]
    assert told == [
        *(("conv", "Conv2d", 112), ("relu", "ReLU", 0), ("down", "Conv2d", 16)),
        *(("add", "add", 0), ("relu_1", "ReLU", 0)),
    ]


def test_networks_with_other_activations_are_other_networks():
    class Tanh(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 1)

        def forward(self, x):
            return self.b(torch.tanh(self.a(x)))

    class Relu(Tanh):
        def forward(self, x):
            return self.b(functional.relu(self.a(x)))

    assert connected(Relu()) == {("a", "relu"), ("relu", "b")}
    assert connected(Tanh()) == {("a", "tanh"), ("tanh", "b")}


class Cell(nn.Module):
    """A loop over data, and ways that depend on it."""

    def __init__(self):
        super().__init__()
        self.cell, self.unused, self.drop, self.head = nn.RNNCell(2, 4), nn.Linear(1, 1), nn.Dropout(), nn.Linear(4, 1)

    def forward(self, x, state=None, target=None):
        for part in x.unbind(1):
            state = self.cell(part, state)
        if self.training:
            state = self.drop(state)
        if target is None:
            return self.head(state)
        return self.head(state) - target


def test_where_data_decides_all_ways_are_followed():
    expected = {("cell", "cell"), ("cell", "drop"), ("cell", "head"), ("drop", "head")}
    assert connected(Cell()) == connected(Cell().eval()) == expected


def test_what_the_code_does_not_use_is_listed_where_it_was_registered():
    assert [layer["name"] for layer in described(Cell())["layers"]] == ["cell", "unused", "drop", "head"]


def test_code_is_never_run():
    seen = []

    class Noted(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            seen.append(x)
            return self.layer(x)

    assert connected(nn.Sequential(Noted(), nn.ReLU())) == {("0/layer", "1")}
    assert seen == []


class InAList(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 2)
        self.found = [self.a]

    def forward(self, x):
        return self.found[0](x)


class Given(InAList):
    def forward(self, x):
        return torch.utils.checkpoint.checkpoint(self.a, x)


class Endless(InAList):
    def forward(self, x):
        while x.sum() > 1:
            x = self.a(x)
        return x


class ByName(InAList):
    def forward(self, x):
        return getattr(self, "a")(x)  # noqa: B009


class Proxy(InAList):
    def __getattr__(self, name):
        return super().__getattr__(name)

    def forward(self, x):
        return self.b(x)


def without_source():
    names = {"Base": InAList}
    exec("class Pasted(Base):\n    def forward(self, x):\n        return self.a(x)", names)
    return names["Pasted"]()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (InAList, "the code of InAList finds layers in found"),
        (Given, "its code gives a to other code"),
        (ByName, "its code gives the model to other code"),
        (Endless, "its code is not plain (While)"),
        (Proxy, "the code of Proxy finds layers in b"),
        (without_source, "the source of Pasted.forward is not there"),
        (lambda: nn.TransformerEncoderLayer(4, 2), "the code of TransformerEncoderLayer is not plain"),
    ],
)
def test_code_that_is_not_plain_is_not_guessed_at(make, why):
    description = described(make())
    assert description["why_no_edges"] == f"{why}, and it is not run to find out"
    assert "edges" not in description
    assert description["layers"]


def test_of_a_module_with_very_many_layers_the_first_are_described():
    description = described(nn.Sequential(*(nn.ReLU() for _ in range(MAX_LAYERS + 3))))
    assert (len(description["layers"]), description["layers_left_out"]) == (MAX_LAYERS, 3)
    assert "edges" not in description
