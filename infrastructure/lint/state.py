"""Rules of bodies on state that outlives them: `global`, and what modules hold.

Only what is surely of a module or class counts; objects that a body was given are let pass.
"""

import ast
from collections.abc import Iterator

from perdure.infrastructure.lint.meanings import Meanings
from perdure.infrastructure.lint.outside_names import ENVIRONMENT
from perdure.infrastructure.lint.reach import Part
from perdure.infrastructure.lint.scopes import Annotated, Class, Imported, Value

CHANGES = {
    "builtins.list()": {
        *("append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"),
    },
    "builtins.dict()": {"update", "setdefault", "pop", "popitem", "clear"},
    "builtins.set()": {"add", "update", "discard", "remove", "pop", "clear"},
    "collections.deque()": {"append", "appendleft", "extend", "pop", "popleft", "clear", "rotate"},
}
CHANGES |= {
    **dict.fromkeys(
        ("collections.defaultdict()", "collections.OrderedDict()"), CHANGES["builtins.dict()"]
    ),
    "collections.Counter()": CHANGES["builtins.dict()"] | {"subtract"},
}


def global_state(part: Part, meanings: Meanings) -> Iterator[tuple[ast.AST, str]]:
    """Place and words of each change."""
    scope = part.function.scope
    for node in part.nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            if node.id in scope.module_names:
                yield node, f"the global {node.id} is changed"
        elif isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            environment = meanings.path(node.value, scope) in ENVIRONMENT  # a rule of its own
            item = isinstance(node, ast.Subscript)
            if not environment and _of_module(node.value, part, item=item):
                yield node, f"{ast.unparse(node)}, which belongs to the module, is changed"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            holder = meanings.path(node.func.value, scope)
            if node.func.attr in CHANGES.get(holder, ()) and _of_module(node.func.value, part):
                yield node, f"{ast.unparse(node.func)}() changes what belongs to the module"


def _of_module(holder: ast.expr, part: Part, *, item: bool = True) -> bool:
    """Whether a name, or the first of a chain, is bound by the module: a variable or an import."""
    while isinstance(holder, ast.Attribute | ast.Subscript):
        holder = holder.value
    if not isinstance(holder, ast.Name):
        return False
    owner = part.function.scope.owner(holder.id)
    if owner is None or owner.kind != "module":
        return False
    kinds = (Annotated, Value, Imported) if item else (Annotated, Value, Imported, Class)
    bindings = owner.names[holder.id]
    return all(isinstance(each, kinds) for each in bindings)
