"""`corral lsp`."""

from __future__ import annotations

from typing import Annotated

import typer

from corral.check.lsp.server import serve


def lsp(
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Over standard input and output: the only way, and the default.")
    ] = True,
) -> None:
    """Serve the checker to an editor: the language server protocol over stdio.

    Diagnostics as one types, the rule's page on hover, and code actions for the fixes.

    Exit status: 0 once the editor has asked it to end.
    """
    assert stdio  # there is no `--no-stdio`
    serve()
