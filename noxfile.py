"""Everything CI runs, as sessions; `make` sets up nox and calls them.

The tests read the wheel, built from the sdist, never the source tree. An interpreter that is not on this machine is left out;
one at least must be there. Versions are pinned in constraints/; `make constraints` renews them.
"""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

SUPPORTED = ["3.11", "3.12", "3.13", "3.14"]
DEV = ("--constraints", "constraints/dev.txt")
ONCE = "not typing and not dist"
EVERYWHERE = "not heavy and not typing and not dist"
# With the lowest versions on the oldest interpreter, with the newest on the others.
DEPENDING = ("tests/cli", "tests/job", "tests/check/lsp")


def is_here(version):
    """A name on PATH is not enough: a pyenv shim may stand for a Python that is not installed."""
    name = shutil.which(f"python{version}")
    return (
        name is not None
        and subprocess.run([name, "-c", "import ssl"], capture_output=True, check=False).returncode == 0
    )


HERE = [version for version in SUPPORTED if is_here(version)]
if not HERE:
    sys.exit(f"nox: none of Python {', '.join(SUPPORTED)} is on PATH, so there is nothing to test on")
# Heavy tests and the checkers run once: on 3.12 if it is here, which everything has wheels for.
ONE = next(version for version in ["3.12", "3.13", "3.11", "3.14"] if version in HERE)

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "types", "docs", "tests", "lowest", "dist"]


@functools.cache
def build_wheel():
    """Once a run: the sdist, and from it the wheel."""
    shutil.rmtree("dist", ignore_errors=True)
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--quiet", "--out-dir", "dist"], check=True)
    return next(Path("dist").glob("*.whl")).resolve()


def install(session, extras, *groups, constraints=DEV):
    """The wheel with its extras, and the groups of pyproject.toml, all in one resolution."""
    named = [f"--group={group}" for group in groups]
    session.install(f"corral[{extras}] @ {build_wheel().as_uri()}", *named, "--reinstall-package=corral", *constraints)


def pytest(session, *args, parallel=True):
    # One more than there are processors: many tests wait for processes they have started.
    spread = ["-n", str((os.cpu_count() or 1) + 1), "--dist", "loadgroup"] if parallel else []
    session.run("python", "-m", "pytest", "-q", *spread, *args, *session.posargs)


@nox.session(python=ONE)
def lint(session):
    session.install("--group=lint", *DEV)
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session(python=ONE)
def types(session):
    install(session, "cli,lsp,tqdm,uvloop", "typing", "test", "lint")
    pytest(session, "-m", "typing", "tests/typing")


@nox.session(python=ONE)
def docs(session):
    install(session, "cli,lsp,tqdm,uvloop", "docs")
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html")


@nox.session(python=HERE)
def tests(session):
    if session.python == ONE:
        install(session, "cli,dask,lsp,ray,tqdm,uvloop", "test", "heavy", "recipes")
        pytest(session, "-m", ONCE)
    else:
        install(session, "cli,lsp,tqdm,uvloop", "test")
        elsewhere = DEPENDING if session.python == HERE[0] else ()
        pytest(session, "-m", EVERYWHERE, *(f"--ignore={room}" for room in elsewhere))


@nox.session(python=HERE[0])
def lowest(session):
    """What has dependencies, with the lowest of them that pyproject.toml allows; the tools of the tests are the usual ones."""
    low = Path("constraints/lowest.txt").read_text().splitlines()
    taken = {line.partition("==")[0] for line in low}
    rest = [
        line for line in Path("constraints/dev.txt").read_text().splitlines() if line.partition("==")[0] not in taken
    ]
    merged = Path(session.cache_dir, "lowest.txt")  # not `create_tmp`: it moves the tests' temporary files under .nox
    merged.write_text("\n".join(low + rest))
    install(session, "cli,lsp,tqdm,uvloop", "test", constraints=("--constraints", str(merged)))
    pytest(session, "-m", EVERYWHERE, *DEPENDING)


@nox.session(python=ONE)
def dist(session):
    """The wheel by itself, in an environment with nothing of the source tree's, and what an index would say of it."""
    wheel = build_wheel()
    session.install(str(wheel), "--group=test", "--reinstall-package=corral", *DEV)
    pytest(session, "-m", "dist", "tests/house")


@nox.session(python=ONE)
def coverage(session):
    install(session, "cli,dask,lsp,ray,tqdm,uvloop", "test", "heavy", "recipes", "coverage")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-q", "-n", "auto", "-m", ONCE, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session(python=ONE)
def crash(session):
    install(session, "cli,tqdm,uvloop", "test")
    session.env["CORRAL_CRASHES"] = "200"
    pytest(session, "tests/crash", parallel=False)


OLDEST_AND_NEWEST = sorted({HERE[0], HERE[-1]}, key=SUPPORTED.index)


@nox.session(python=OLDEST_AND_NEWEST)
def bench_env(session):
    """What the figures are measured on; `bench` asks for both."""
    install(session, "cli,lsp,tqdm,uvloop", "bench")


@nox.session(python=HERE[-1], requires=[f"bench_env-{version}" for version in OLDEST_AND_NEWEST])
def bench(session):
    """The figures on the oldest and the newest interpreter, all else on the newest."""
    install(session, "cli,lsp,tqdm,uvloop", "bench")
    pythons = [
        Path(session.cache_dir).parent / f"bench_env-{v}".replace(".", "-") / "bin/python" for v in OLDEST_AND_NEWEST
    ]
    chosen = [f"--python={python}" for python in pythons] if "--python" not in session.posargs else []
    session.run("python", "-m", "benchmarks", *chosen, *session.posargs)
