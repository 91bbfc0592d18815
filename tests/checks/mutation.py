"""Small mechanical faults planted into a reference solution, one at a time: what a check must see, it must see here."""

import ast
import copy
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)
OPERATORS = [ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Pow, ast.BitAnd, ast.BitOr, ast.BitXor]
COMPARISONS = [ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE]
ALIKE = [  # names that are taken for one another
    {"sum", "mean", "prod", "max", "amax"},
    {"argmax", "argmin", "max"},
    {"min", "max"},
    {"minimum", "maximum"},
    {"floor", "ceil", "round", "int"},
    {"softmax", "log_softmax", "sigmoid"},
    {"zeros", "ones", "empty_like"},
    {"zeros_like", "ones_like"},
    {"logical_and", "logical_or", "logical_xor"},
    {"any", "all"},
    {"eval", "train"},
    {"no_grad", "enable_grad"},
    {"float", "double", "long", "int"},
    {"float32", "float64", "int64", "uint8"},
    {"weight", "bias"},
    {"in_features", "out_features"},
    {"cat", "stack"},
    {"movedim", "unsqueeze"},
    {"dim0", "dim1"},
]
ONE_WAY = {"nanmean": ["mean", "nansum"]}  # the other way round nothing changes where no nan comes in
STRINGS = {"bilinear": ["bicubic"], "out": ["aux"], "RGB": ["L"], "nan": ["0"]}


@dataclass(frozen=True)
class Mutant:
    """`source` is the whole cell with one fault; `change` shows it as `old line => new line`."""

    change: str
    source: str


def mutants(source: str) -> list[Mutant]:
    """Every mutant of the lines between BEGIN SOLUTION and END SOLUTION, each once.

    Raises ValueError where the cell has no such lines.
    """
    found = SOLUTION.search(source)
    if not found:
        raise ValueError("the cell has no solution region")
    first = source[: found.start()].count("\n") + 2
    last = first + found[1].count("\n") - 1
    tree = ast.parse(source)
    original = ast.unparse(tree)
    made = {}
    for index, node in enumerate(ast.walk(tree)):
        if not first <= getattr(node, "lineno", 0) <= last:
            continue
        for replacement in _alternatives(node):
            mutated = copy.deepcopy(tree)
            target = next(other for number, other in enumerate(ast.walk(mutated)) if number == index)
            text = ast.unparse(ast.fix_missing_locations(_Replace(target, replacement).visit(mutated)))
            if text != original:
                made.setdefault(text, Mutant(_change(original, text), text))
    return list(made.values())


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, replacement: ast.AST) -> None:
        self.target, self.replacement = target, replacement

    def visit(self, node: ast.AST) -> ast.AST:
        return self.replacement if node is self.target else self.generic_visit(node)


def _change(old: str, new: str) -> str:
    """The lines that differ, as `old => new`."""
    lines = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    removed = [line[2:].strip() for line in lines if line.startswith("- ")]
    added = [line[2:].strip() for line in lines if line.startswith("+ ")]
    return f"{' / '.join(removed)} => {' / '.join(added)}"


def _with(node: ast.AST, **fields: object) -> ast.AST:
    """A copy of a node with other fields."""
    return type(node)(**{**dict(ast.iter_fields(node)), **fields})


def _without(items: list) -> Iterator[list]:
    return (items[:index] + items[index + 1 :] for index in range(len(items)))


def _swapped(items: list) -> Iterator[list]:
    return ([*items[:index], items[index + 1], items[index], *items[index + 2 :]] for index in range(len(items) - 1))


def _alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """What could have been written in place of a node."""
    finder = globals().get(f"_of_{type(node).__name__.lower()}")
    if isinstance(node, ast.stmt) and not isinstance(node, ast.Return | ast.FunctionDef | ast.Pass):
        yield ast.Pass()
    if finder:
        yield from finder(node)


def _of_return(node: ast.Return) -> Iterator[ast.AST]:
    yield ast.Return(ast.Constant(None))


def _of_binop(node: ast.BinOp) -> Iterator[ast.AST]:
    yield from (_with(node, op=operator()) for operator in OPERATORS if not isinstance(node.op, operator))
    yield from (node.left, node.right)
    if not isinstance(node.op, ast.Add | ast.Mult | ast.BitAnd | ast.BitOr | ast.BitXor):
        yield _with(node, left=node.right, right=node.left)


def _of_augassign(node: ast.AugAssign) -> Iterator[ast.AST]:
    yield from (_with(node, op=operator()) for operator in OPERATORS[:4] if not isinstance(node.op, operator))
    yield ast.Assign([node.target], node.value)


def _of_compare(node: ast.Compare) -> Iterator[ast.AST]:
    yield from (_with(node, ops=[other()]) for other in COMPARISONS if not isinstance(node.ops[0], other))


def _of_boolop(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    yield from node.values


def _of_unaryop(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand


def _of_constant(node: ast.Constant) -> Iterator[ast.AST]:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        yield from (ast.Constant(value) for value in (node.value + 1, node.value - 1, 0) if value != node.value)
    elif node.value in STRINGS:
        yield from (ast.Constant(other) for other in STRINGS[node.value])


def _of_call(node: ast.Call) -> Iterator[ast.AST]:
    yield from (_with(node, keywords=fewer) for fewer in _without(node.keywords))
    if len(node.args) > 1:
        yield from (_with(node, args=args) for args in (*_without(node.args), *_swapped(node.args)))
    if isinstance(node.func, ast.Attribute):
        yield node.func.value  # x.method(...) -> x
    if node.args and not isinstance(node.args[0], ast.Starred):
        yield node.args[0]  # f(x, ...) -> x


def _of_attribute(node: ast.Attribute) -> Iterator[ast.AST]:
    yield from (_with(node, attr=other) for other in _taken_for(node.attr))


def _of_name(node: ast.Name) -> Iterator[ast.AST]:
    yield from (_with(node, id=other) for other in _taken_for(node.id))


def _taken_for(name: str) -> list[str]:
    return [*sorted({other for group in ALIKE if name in group for other in group} - {name}), *ONE_WAY.get(name, [])]


def _of_subscript(node: ast.Subscript) -> Iterator[ast.AST]:
    if isinstance(node.ctx, ast.Load):
        yield node.value


def _of_slice(node: ast.Slice) -> Iterator[ast.AST]:
    yield from (_with(node, **{bound: None}) for bound in ("lower", "upper", "step") if getattr(node, bound))


def _of_list(node: ast.List | ast.Tuple) -> Iterator[ast.AST]:
    if isinstance(node.ctx, ast.Load):
        yield from (_with(node, elts=elements) for elements in (*_without(node.elts), *_swapped(node.elts)))


_of_tuple = _of_list


def _of_ifexp(node: ast.IfExp) -> Iterator[ast.AST]:
    yield from (node.body, node.orelse, _with(node, body=node.orelse, orelse=node.body))


def _of_if(node: ast.If) -> Iterator[ast.AST]:
    yield from (_with(node, test=ast.Constant(value)) for value in (True, False))


def _of_for(node: ast.For) -> Iterator[ast.AST]:
    yield from (_with(node, iter=part) for part in _parts(node.iter))
    yield _with(node, body=[*node.body, ast.Break()])


def _of_listcomp(node: ast.ListComp | ast.GeneratorExp) -> Iterator[ast.AST]:
    loop = node.generators[0]
    yield from (_with(node, generators=[_with(loop, iter=part)]) for part in _parts(loop.iter))
    yield from (_with(node, generators=[_with(loop, ifs=ifs)]) for ifs in _without(loop.ifs))


_of_generatorexp = _of_listcomp


def _parts(iterable: ast.expr) -> Iterator[ast.expr]:
    """An iterable without its first item, and without its last."""
    listed = ast.Call(ast.Name("list", ast.Load()), [iterable], [])
    for part in (ast.Slice(lower=ast.Constant(1)), ast.Slice(upper=ast.Constant(-1))):
        yield ast.Subscript(listed, part, ast.Load())


def _of_with(node: ast.With) -> Iterator[ast.AST]:
    yield ast.If(ast.Constant(True), node.body, [])


def _of_try(node: ast.Try) -> Iterator[ast.AST]:
    yield ast.If(ast.Constant(True), [*node.body, *node.finalbody], [])
