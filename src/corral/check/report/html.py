"""`--format html`: one page that needs nothing beside it, with the code outlined and a dialog that explains each finding.

The page loads nothing and runs only its own script: its content security policy names the hashes of both. Everything that comes
from a checked file is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections import Counter
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TextIO

from markdown_it import MarkdownIt

from corral.check.model import Finding, Level
from corral.check.registry import META, RULES
from corral.check.report.excerpt import printable, shown
from corral.check.report.html_code import Numbered, code_block, prose
from corral.check.report.preview import preview
from corral.check.report.source_text import SourceText
from corral.check.report.sources import Sources
from corral.check.tool.result import Result


def write(result: Result, out: TextIO) -> None:
    """Write the page."""
    sources = Sources(result)
    numbered = [Numbered(number, finding) for number, finding in enumerate(result.findings, 1)]
    files = [(path, list(group)) for path, group in groupby(numbered, key=lambda entry: entry.finding.path)]
    style, script = _asset("page.css"), _asset("page.js")
    out.write(_HEAD.format(style=style, script_hash=_hash(script), style_hash=_hash(style)))
    out.writelines(_header(result, files))
    out.write('<main id="findings">\n')
    if not files:
        out.write(f'<p class="clear">No hazards found in {_count(result.files, "file")}.</p>\n')
    for path, entries in files:
        out.writelines(_file(path, entries, sources[path]))
    out.write("</main>\n")
    for entry in numbered:
        out.writelines(_dialog(entry, len(numbered), sources[entry.finding.path]))
    codes = sorted({finding.code for finding in result.findings})
    out.writelines(f'<template id="rule-{code}">{_page(code)}</template>\n' for code in codes)
    out.write(f"<script>{script}</script>\n</body>\n</html>\n")


_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '{script_hash}'; style-src '{style_hash}'">
<title>Corral: findings</title>
<style>{style}</style>
</head>
<body>
"""


def _asset(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _text(text: str) -> str:
    return escape(printable(text))


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _header(result: Result, files: list[tuple[str, list[Numbered]]]) -> Iterator[str]:
    levels = Counter(finding.level for finding in result.findings)
    yield '<a class="skip" href="#findings">Skip to the findings</a>\n<header>\n<h1>Corral check</h1>\n'
    yield f"<p>{_count(len(result.findings), 'finding')} in {len(files)} of {_count(result.files, 'file')}</p>\n"
    yield '<fieldset class="levels"><legend>Show</legend>\n'
    for level in sorted(Level, reverse=True):
        count = levels[level]
        yield f'<label class="{level.label}"><input type="checkbox" value="{level.label}" checked> '
        yield f"{_count(count, level.label)}</label>\n"
    yield "</fieldset>\n"
    if files:
        yield f'<nav aria-label="Files">\n<details open><summary>{_count(len(files), "file")}</summary>\n<ol>\n'
        for at, (path, entries) in enumerate(files, 1):
            worst = max(entry.finding.level for entry in entries)
            yield f'<li class="{worst.label}"><a href="#file-{at}">{_text(path)}</a> <span class="count">{len(entries)}</span></li>\n'
        yield "</ol>\n</details>\n</nav>\n"
    yield '<p class="hint">Choose a finding to see what happens and what to write. <kbd>j</kbd> and <kbd>k</kbd> step through them.</p>\n'
    yield "</header>\n"


def _file(path: str, entries: list[Numbered], source: SourceText) -> Iterator[str]:
    first = entries[0].number
    yield f'<section class="file" aria-labelledby="title-{first}">\n<h2 id="title-{first}">{_text(path)}</h2>\n'
    yield from code_block(path, entries, source)
    yield "</section>\n"


def _dialog(entry: Numbered, count: int, source: SourceText) -> Iterator[str]:
    number, finding = entry
    label = f"d{number}"
    yield f'<dialog id="{label}" class="{finding.level.label}" aria-labelledby="{label}-title" data-rule="{finding.code}">\n'
    yield f'<header><h2 id="{label}-title"><span class="level">{finding.level.label}</span> {finding.code} {_text(finding.name)}</h2>\n'
    yield '<button type="button" class="close" aria-label="Close">&times;</button></header>\n'
    yield f'<p class="place">{_text(finding.path)}:{finding.span.row}:{finding.span.column}</p>\n'
    yield f'<p class="message">{prose(finding.message)}</p>\n<p class="advice">{prose(finding.advice)}</p>\n'
    yield from _fix(finding, source)
    yield '<details class="rule"><summary>About this rule</summary><div class="page"></div></details>\n'
    yield f'<footer><button type="button" class="step" value="-1">Previous</button> <span>{number} of {count}</span> '
    yield '<button type="button" class="step" value="1">Next</button></footer>\n</dialog>\n'


def _fix(finding: Finding, source: SourceText) -> Iterator[str]:
    fix = finding.fix
    if fix is None:
        return
    kind = "Fix" if fix.safe else "Unsafe fix"
    yield f'<section class="fix"><h3>{kind}: {prose(fix.title)}</h3>\n'
    if fix.caveat:
        yield f'<p class="caveat">{prose(fix.caveat)}</p>\n'
    flags = "--fix" if fix.safe else "--fix --unsafe-fixes"
    yield f'<p class="how"><code>corral check {flags} {_text(shlex.quote(finding.path))}</code></p>\n'
    yield '<pre tabindex="0" aria-label="The fix as a diff">'
    for line in preview(source, fix):
        tag, word = ("del", "removed") if line.sign == "-" else ("ins", "added")
        yield f'<{tag}><span class="row">{line.row}</span><span class="sign"> {line.sign} </span>'
        yield f'<span class="quiet">{word}: </span>{escape(shown(line.text))}\n</{tag}>'
    yield "</pre></section>\n"


def _page(code: str) -> str:
    if code in RULES:
        return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(RULES[code].text()))
    return f"<p>{escape(META[code][1])}.</p>"
