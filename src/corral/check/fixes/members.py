"""A name added to an import that is there: where ruff's isort would have it, on a line of its own if those around it are."""

from __future__ import annotations

import ast
import re

from corral.check.text import Text

Rank = tuple[int, str, str]
# To ruff a line is no longer for these.
TO_TOOLS = re.compile(r"\s*#\s*(?:noqa|nosec|(?:type|pyright|pylint|flake8|ruff|isort):).*", re.IGNORECASE)


def rank(name: str) -> Rank:
    """Isort's order of what is imported: constants, classes, then all else; each without regard to case first."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[:1].isupper() else 2
    return (kind, name.lower(), name)


def with_member(lines: str, name: str, newline: str, width: int) -> str | None:
    """The lines of one `from ... import ...` with the name in it; None where isort would begin another: beside a star or an `as`.

    One line that gets longer than `width` by it becomes several, a name on each.
    """
    text = Text(lines.encode())
    (node,) = ast.parse(text.text).body
    assert isinstance(node, ast.ImportFrom)
    members = node.names
    if any(m.asname is not None or m.name == "*" for m in members):
        return None
    at = next((i for i, m in enumerate(members) if rank(m.name) > rank(name)), len(members))
    neighbour = members[min(at, len(members) - 1)]
    if not alone(text, node, neighbour):
        if at < len(members):
            longer = put(text.text, text.start(neighbour), f"{name}, ")
        else:
            longer = put(text.text, text.end(neighbour), f", {name}")
        return broken(longer, newline) if fits(lines, width) and not fits(longer, width) else longer
    line = text.line(neighbour.lineno)
    own = f"{line[: len(line) - len(line.lstrip())]}{name},{newline}"
    if at < len(members):
        # Comments above a name are about that name.
        row = members[at - 1].lineno if at else text.row(text.text.index("("))
        return put(text.text, text.starts[row], own)
    lines = put(text.text, text.starts[neighbour.lineno], own)
    followed = text.text[text.end(neighbour) :].lstrip().startswith(",")
    return lines if followed else put(lines, text.end(neighbour), ",")


def alone(text: Text, node: ast.ImportFrom, member: ast.alias) -> bool:
    """Whether the name has its line to itself, between the brackets."""
    line = text.line(member.lineno).partition("#")[0]
    others = [m for m in node.names if m is not member and m.lineno == member.lineno]
    return not others and line.strip().removesuffix(",").rstrip() == member.name and "(" in text.text


def fits(lines: str, width: int) -> bool:
    """Whether an import is no longer than a line may be, or is several lines already."""
    line = TO_TOOLS.sub("", lines.rstrip("\r\n"))
    return len(line) <= width or not {"(", "\\", ";"}.isdisjoint(line.partition("#")[0])


def broken(line: str, newline: str) -> str:
    """One line of an import as isort breaks it; a comment stays on the first."""
    code, mark, comment = line.rstrip("\r\n").partition("#")
    _, module, _, names = code.split(None, 3)
    first = f"from {module} import ({'  #' if mark else ''}{comment}"
    return "".join(f"{each}{newline}" for each in (first, *(f"    {name.strip()}," for name in names.split(",")), ")"))


def put(text: str, at: int, new: str) -> str:
    """The text with something new at a place."""
    return text[:at] + new + text[at:]
