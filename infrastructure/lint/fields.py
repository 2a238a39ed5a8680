"""Fields of models and dataclasses that fill themselves: by what, when an object is made.

Reads `default_factory=` of classes in sight, and of their bases. `outside` judges what is called.
"""

import ast
from collections.abc import Iterator

from perdure.infrastructure.lint.meanings import Meanings
from perdure.infrastructure.lint.scopes import Class, Scope

FIELDS = {"pydantic.Field", "dataclasses.field", "attrs.field", "attr.ib", "msgspec.field"}
BASES = 8  # that are followed


def factories(
    made: Class, meanings: Meanings, depth: int = 0
) -> Iterator[tuple[str, ast.expr, Scope]]:
    """Each such field with its factory, and the scope that the factory's names are of."""
    for statement in made.node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call() as declared):
                if meanings.path(declared.func, made.scope) in FIELDS:
                    for each in declared.keywords:
                        if each.arg in ("default_factory", "factory"):
                            yield name, each.value, made.scope
    for base in made.node.bases:
        inherited = meanings.of(base, made.outer)
        if isinstance(inherited, Class) and depth < BASES:
            yield from factories(inherited, meanings, depth + 1)
