"""What flows from which layer of a module to which, read from the source of its `forward`. Nothing is run for it.

To trace a module (`torch.fx`) is to call its code with what stands for tensors: code of the user's that prints, counts,
draws random numbers or keeps what it saw would do so once more than the training. So the code is read, as far as it is
plain: calls of layers and of its own methods, loops over lists of layers, branches. Where a branch depends on the data
both ways are followed. Whatever else stands there ends it, and so does a module that is given to other code: then
nothing is said of connections at all. A layer that the code does not use is connected with none.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Mapping
from functools import reduce
from types import FunctionType
from typing import Any, NamedTuple

from torch import nn

from prevue_torch.values import (
    BUILTINS,
    NOTHING,
    Flow,
    Known,
    Layer,
    Unreadable,
    Value,
    children,
    flow,
    flows,
    holds_modules,
    is_plain,
    is_same,
    item,
    items,
    merged,
)

MAX_STEPS = 50_000  # expressions; beyond, reading could be noticed
HANDS_OUT = {"modules", "named_modules", "named_children", "get_submodule", "apply"}  # methods of every module
# What a tensor tells of itself without its numbers.
PROPERTIES = {"device", "dim", "dtype", "ndim", "numel", "shape", "size"}
# Functions of one tensor that are shown, as the layers are that do the same.
ACTIVATIONS = {"celu", "elu", "gelu", "glu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_softmax"}
ACTIVATIONS |= {"mish", "prelu", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "tanh"}

Names = dict[str, Value]


class Connections(NamedTuple):
    """Operations have the numbers after those of the layers; `order` has all numbers in the order of their use.

    An operation is what joins several tensors, an activation, or a layer that is called again.
    """

    operations: list[tuple[str, str]]  # path and kind; the path is the layer's where it is called again
    edges: set[tuple[int, int]]
    order: list[int]


def connections(model: nn.Module, places: Mapping[str, int]) -> Connections:
    """Return how the layers of a model are connected; `places` has their numbers by path, such as `body.0`.

    Raises Unreadable.
    """
    reader = _Reader(places)
    try:
        reader.call(Layer("", model), [], None)
    except RecursionError:
        raise Unreadable("its code calls itself") from None
    return Connections(reader.operations, reader.edges, list(reader.order))


class _Reader:
    """Follows values through the code, and notes which layer takes what of which."""

    def __init__(self, places: Mapping[str, int]) -> None:
        self.operations: list[tuple[str, str]] = []
        self.edges: set[tuple[int, int]] = set()
        self.order: dict[int, None] = {}
        self._places = places
        self._steps = 0
        self._called: set[int] = set()  # layers, on the way to where the reading is
        self._owner = ""  # the path of the module whose code is read
        self._sources: dict[FunctionType, ast.FunctionDef] = {}
        self._stored: dict[tuple[str, str], Value] = {}  # attributes that the code sets
        self._again: dict[tuple[ast.AST, str], int] | None = None  # operations, in a loop whose rounds are one

    # modules

    def call(self, layer: Layer, given: list[Value], named: Mapping[str, Value] | None) -> Value:
        """Return what a module makes of its arguments. `named` None: those of the model itself, which nobody knows."""
        module, kind = layer.module, type(layer.module)
        if not children(layer):
            return self._through(layer, flow(*given, *(named or {}).values()))
        if kind.forward is nn.Sequential.forward:
            value = given[0] if given else NOTHING
            return reduce(lambda made, inner: self.call(inner, [made], {}), children(layer), value)
        if kind is nn.MultiheadAttention:
            made = self._through(layer, flow(*given, *(named or {}).values()))
            made = self._through(Layer(f"{layer.path}.out_proj".lstrip("."), module.out_proj), made)
            return [made, made]
        if _is_torchs(kind.forward) or "forward" in vars(module):
            raise Unreadable(f"the code of {kind.__name__} is not plain")
        return self._run(kind.forward, layer, given, named)

    def _through(self, layer: Layer, given: Flow) -> Flow:
        number = self._places[layer.path]
        if number in self._called and self._again is None:
            number = self._add(layer.path, type(layer.module).__name__)
        self._called.add(number)
        return self._into(number, given)

    def _into(self, number: int, given: Flow) -> Flow:
        self.order.setdefault(number)
        self.edges.update((before, number) for before in given)
        return frozenset([number])

    def _member(self, layer: Layer, name: str) -> Value | FunctionType:
        """Return an attribute of a module: a module, a parameter, a method of the user's, or a plain value."""
        module = layer.module
        if (layer.path, name) in self._stored:
            return self._stored[layer.path, name]
        for kept in (module._modules, module._parameters, module._buffers):
            if name in kept and kept[name] is None:
                return Known(None)
        if name in module._modules:
            return Layer(f"{layer.path}.{name}".lstrip("."), module._modules[name])
        if name in module._parameters:
            return self._into(self._places[layer.path], NOTHING)
        return self._other_member(layer, name)

    def _other_member(self, layer: Layer, name: str) -> Value | FunctionType:
        kind = type(layer.module)
        found = vars(layer.module).get(name, inspect.getattr_static(kind, name, NOTHING))
        if isinstance(found, property):
            return self._run(found.fget, layer, [], {})
        if isinstance(found, FunctionType) and not _is_torchs(found):
            return found
        if holds_modules(found) or name in HANDS_OUT or kind.__getattr__ is not nn.Module.__getattr__:
            raise Unreadable(f"the code of {kind.__name__} finds layers in {name}")
        return Known(found) if name != "training" and is_plain(found) else NOTHING

    def _operation(self, node: ast.AST, kind: str, given: Iterable[Value]) -> Flow:
        """Return what comes of several values: where they come from different layers, that is a layer too."""
        found = flows(given)
        if len(found) < 2 and not (found and kind in ACTIVATIONS):
            return flow(*found)
        number = None if self._again is None else self._again.get((node, self._owner))
        if number is None:
            number = self._add(f"{self._owner}.{kind}".lstrip("."), kind)
            if self._again is not None:
                self._again[node, self._owner] = number
        return self._into(number, flow(*found))

    def _add(self, path: str, kind: str) -> int:
        self.operations.append((path, kind))
        return len(self._places) + len(self.operations) - 1

    # statements

    def _run(self, function: Any, layer: Layer, given: list[Value], named: Mapping[str, Value] | None) -> Value:
        if function not in self._sources:
            self._sources[function] = _source(function)
        defaults = {name: one.default for name, one in inspect.signature(function).parameters.items()}
        is_known = named is not None
        names: Names = {n: Known(value) if is_known and is_plain(value) else NOTHING for n, value in defaults.items()}
        names |= {**dict(zip(names, [layer, *given], strict=False)), **(named or {})}
        made: list[Value] = []
        outer, self._owner = self._owner, layer.path
        self._block(self._sources[function].body, names, made)
        self._owner = outer
        return merged(made)

    def _block(self, statements: Iterable[ast.stmt], names: Names, made: list[Value]) -> bool:
        """Follow statements; `made` takes what is returned. Return whether the end can be reached."""
        return all(self._statement(statement, names, made) for statement in statements)

    def _statement(self, node: ast.stmt, names: Names, made: list[Value]) -> bool:
        match node:
            case ast.Return():
                made.append(self._value(node.value, names))
                return False
            case ast.Raise():
                return False
            case ast.Assign() | ast.AnnAssign():
                value = self._value(node.value, names)
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    self._assign(target, value, names)
            case ast.AugAssign():
                both = [self._value(node.target, names), self._value(node.value, names)]
                self._assign(node.target, self._operation(node, _kind(node.op), both), names)
            case ast.Expr():
                self._value(node.value, names)
            case ast.If():
                return self._branch(node, names, made)
            case ast.For():
                return self._loop(node, names, made)
            case ast.With():
                for one in node.items:
                    value = self._value(one.context_expr, names)
                    if one.optional_vars is not None:
                        self._assign(one.optional_vars, value, names)
                return self._block(node.body, names, made)
            case ast.Pass() | ast.Assert():
                pass
            case _:
                raise _not_plain(node)
        return True

    def _branch(self, node: ast.If, names: Names, made: list[Value]) -> bool:
        test = self._value(node.test, names)
        if isinstance(test, Known):
            return self._block(node.body if test.value else node.orelse, names, made)
        other, called = dict(names), set(self._called)
        is_open = self._block(node.body, names, made)
        called, self._called = self._called, called
        is_other_open = self._block(node.orelse, other, made)
        if not is_open:
            names.update(other)
        elif is_other_open:
            names.update({name: merged([names.get(name, value), value]) for name, value in other.items()})
            self._called |= called
        else:
            self._called = called
        return is_open or is_other_open

    def _loop(self, node: ast.For, names: Names, made: list[Value]) -> bool:
        rounds = self._value(node.iter, names)
        if isinstance(rounds, Layer | list):
            for value in items(rounds):
                self._assign(node.target, value, names)
                if not self._block(node.body, names, made):
                    return False
            return self._block(node.orelse, names, made)
        before: Names = {}
        outer, self._again = self._again, self._again or {}
        while names != before:  # over data: until everything that comes around has come around
            before = dict(names)
            self._assign(node.target, rounds, names)
            self._block(node.body, names, made)
            names.update({name: merged([value, names[name]]) for name, value in before.items()})
        self._again = outer
        return self._block(node.orelse, names, made)

    def _assign(self, target: ast.expr, value: Value, names: Names) -> None:
        match target:
            case ast.Name():
                names[target.id] = value
            case ast.Tuple() | ast.List():
                each = value if isinstance(value, list) and len(value) == len(target.elts) else None
                for number, one in enumerate(target.elts):
                    self._assign(one, flow(value) if each is None else each[number], names)
            case ast.Attribute() if isinstance(owner := self._value(target.value, names), Layer):
                self._stored[owner.path, target.attr] = value
            case ast.Subscript(value=ast.Name(id=name)):
                names[name] = flow(names.get(name, NOTHING), value)
            case _:
                raise _not_plain(target)

    # expressions

    def _value(self, node: ast.expr | None, names: Names) -> Value:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise Unreadable("its code takes long to read")
        match node:
            case None:
                return NOTHING
            case ast.Constant():
                return Known(node.value)
            case ast.Name():
                return names.get(node.id, NOTHING)
            case ast.Attribute():
                return self._attribute(node, names)
            case ast.Tuple() | ast.List():
                return [self._value(one, names) for one in node.elts]
            case ast.Subscript():
                return item(self._value(node.value, names), self._value(node.slice, names))
            case ast.Call():
                return self._call(node, names)
            case ast.BinOp():
                both = [self._value(node.left, names), self._value(node.right, names)]
                return self._operation(node, _kind(node.op), both)
            case ast.IfExp():
                return self._either(node, names)
            case ast.Compare():
                return self._compared(node, names)
            case ast.UnaryOp(op=ast.Not()):
                value = self._value(node.operand, names)
                return Known(not value.value) if isinstance(value, Known) else flow(value)
            case ast.ListComp() | ast.GeneratorExp():
                return self._comprehension(node, names)
            case ast.Lambda() | ast.Await() | ast.Yield() | ast.YieldFrom() | ast.NamedExpr():
                raise _not_plain(node)
        return flow(*(self._value(one, names) for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr)))

    def _attribute(self, node: ast.Attribute, names: Names) -> Value:
        owner = self._value(node.value, names)
        if isinstance(owner, Layer):
            found = self._member(owner, node.attr)
            return NOTHING if isinstance(found, FunctionType) else found
        return NOTHING if node.attr in PROPERTIES else flow(owner)

    def _either(self, node: ast.IfExp, names: Names) -> Value:
        test = self._value(node.test, names)
        if isinstance(test, Known):
            return self._value(node.body if test.value else node.orelse, names)
        return merged([self._value(node.body, names), self._value(node.orelse, names)])

    def _compared(self, node: ast.Compare, names: Names) -> Value:
        values = [self._value(one, names) for one in (node.left, *node.comparators)]
        same, test = is_same(*values[:2]), node.ops[0]
        if same is None or len(values) > 2 or not isinstance(test, ast.Is | ast.Eq | ast.IsNot | ast.NotEq):
            return flow(*values)
        return Known(same == isinstance(test, ast.Is | ast.Eq))

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp, names: Names) -> Value:
        first, *others = node.generators
        if others or first.ifs:
            raise _not_plain(node)
        rounds = self._value(first.iter, names)
        if isinstance(rounds, Layer | list):
            return [self._round(node, value, names) for value in items(rounds)]
        outer, self._again = self._again, self._again or {}
        made = flow(self._round(node, rounds, names))  # over data
        self._again = outer
        return made

    def _round(self, node: ast.ListComp | ast.GeneratorExp, value: Value, names: Names) -> Value:
        inner = dict(names)
        self._assign(node.generators[0].target, value, inner)
        return self._value(node.elt, inner)

    def _call(self, node: ast.Call, names: Names) -> Value:
        given = [self._value(one, names) for one in node.args]
        named = {one.arg or "**": self._value(one.value, names) for one in node.keywords}
        kind = ""
        match node.func:
            case ast.Name(id=kind) if kind not in names:
                if kind in BUILTINS and not named:
                    return BUILTINS[kind](*given)
                value: Value = NOTHING
            case ast.Attribute(value=owner, attr=kind):
                value = self._value(owner, names)
                if isinstance(value, Layer):
                    return self._method(value, kind, given, named)
                if isinstance(owner, ast.Name) and (kind in ("append", "extend", "insert") or kind.endswith("_")):
                    names[owner.id] = [*value, *given] if isinstance(value, list) else flow(value, *given)
            case _:
                value = self._value(node.func, names)
                if isinstance(value, Layer):
                    return self.call(value, given, named)
        if kind in PROPERTIES:
            return NOTHING
        return self._operation(node, kind.rstrip("_"), [value, *given, *named.values()])

    def _method(self, layer: Layer, name: str, given: list[Value], named: Mapping[str, Value]) -> Value:
        if name == "forward":
            return self.call(layer, given, named)
        if name in ("children", "values") and name not in layer.module._modules:
            return [*children(layer)]
        found = self._member(layer, name)
        if isinstance(found, Layer):
            return self.call(found, given, named)
        if isinstance(found, FunctionType):
            return self._run(found, layer, given, named)
        return flow(found, *given, *named.values())


def _is_torchs(function: Any) -> bool:
    return (function.__module__ or "").startswith("torch.")


def _kind(operator: ast.operator) -> str:
    """Return what PyTorch calls an operator."""
    name = type(operator).__name__.lower()
    return {"mult": "mul", "matmult": "matmul"}.get(name, name)


def _source(function: Any) -> ast.FunctionDef:
    try:
        [code] = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        raise Unreadable(f"the source of {function.__qualname__} is not there") from None
    if not isinstance(code, ast.FunctionDef):
        raise Unreadable(f"{function.__qualname__} is not a plain function")
    return code


def _not_plain(node: ast.AST) -> Unreadable:
    return Unreadable(f"its code is not plain ({type(node).__name__})")
