"""Programs made at random around hazards, in every layout a file may have."""

from __future__ import annotations

from hypothesis import strategies as st

HEADS = [
    "",
    "#!/usr/bin/env python\n",
    '"""What it is for."""\n',
    "# keep: a licence\n\n",
    '"""What it is for."""\n\nfrom __future__ import annotations\n\n',
    "from __future__ import annotations\n",
]
IMPORTS = [
    "import asyncio\n",
    "import asyncio, os\n",
    "import asyncio  # keep\nimport os\n",
    "import asyncio; keep = 1\n",
    "import asyncio\nfrom corral import drain; keep = 1\n",
    "import os\n\nimport aiohttp\nimport asyncio\n",
    "import asyncio\n\nfrom corral import drain\n",
    "import asyncio\n\nfrom corral import (\n    drain,\n    spawn,\n)\n",
    "import asyncio\nimport corral\n",
    "import asyncio\n\nfrom . import models\nfrom .app import main\n",
    "import asyncio; import os\n",
    "try:\n    import asyncio\nexcept ImportError:\n    raise\n",
    "if True:\n    import asyncio\n",
    "import asyncio\n\nspawn = gather_tg = map_tg = join_tg = 1\n",
]
SHORT = ["fetch(1)", "fetch(url)", "self.save(url, 2)", "(fetch(3))", "fetch(\n    4,  # keep inside\n)"]
STATEMENTS = [
    "asyncio.create_task({0})",
    "asyncio.ensure_future({0})",
    "asyncio.get_running_loop().create_task({0})",
    "task = asyncio.create_task({0})",
    "_ = asyncio.create_task({0}, name='x')",
    "asyncio.create_task({0}); keep = 1",
    "asyncio.get_running_loop().call_soon(lambda: asyncio.create_task({0}))",
    "asyncio.get_running_loop().call_later(1, asyncio.create_task, {0})",
    "asyncio.run_coroutine_threadsafe({0}, self.loop)",
    "await asyncio.gather({0}, {1})",
    "await asyncio.gather(\n    {0},\n    {1},\n)",
    "await asyncio.gather(\n    {0},\n    {1}  # keep the last\n)",
    "a, b = await asyncio.gather({0}, {1}, return_exceptions=False)",
    "await asyncio.gather(*[fetch(url) for url in urls])",
    "await asyncio.gather(*map(fetch, urls), {0})",
    "await asyncio.gather({0}, {1}, return_exceptions=True)  # keep at the end",
    "await asyncio.wait_for(asyncio.gather({0}, {1}), 3)",
    "asyncio.wait_for({0}, 3)",
    "t1 = asyncio.create_task({0})\nt2 = asyncio.create_task({1})\nawait asyncio.gather(t1, t2)",
    "t1 = asyncio.create_task({0})\n# keep between\nt2 = asyncio.create_task({1})\nreturn await asyncio.gather(t1, t2)",
    "t1 = asyncio.create_task({0})\nt2 = asyncio.create_task({1})\nx = await t1\ny = await t2",
    "tasks = [asyncio.create_task(fetch(url)) for url in urls]\n\nresults = await asyncio.gather(*tasks)",
    "tasks = [asyncio.create_task(fetch(url)) for url in urls]\nfor t in tasks:\n    await t",
    "loop = asyncio.get_running_loop()\nloop.create_task({0})",
    "async with asyncio.TaskGroup() as tg:\n    asyncio.create_task({0})",
    "try:\n    await asyncio.gather({0}, {1})\nexcept ValueError:\n    pass",
    "keep = 'asyncio äöü 🐎'",
    "# keep 🐎 asyncio.create_task(x())",
    "if url:\n    asyncio.create_task({0})\nelse:\n    keep = [1,\n            2]",
    "print(f'{asyncio.create_task({0})}')",
    'keep = """\nasyncio.create_task(x())\n"""',
]


def indented(code: str, by: str) -> str:
    """The lines, each further in; what stands in a string of several lines must not move."""
    return "".join(by + line if line.strip() else line for line in code.splitlines(keepends=True))


@st.composite
def functions(draw: st.DrawFn) -> str:
    """An async function of a few statements, as a method perhaps."""
    by = draw(st.sampled_from(["    ", "\t", "  "]))
    parts = []
    for statement in draw(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=5)):
        work = [draw(st.sampled_from(SHORT)) for _ in range(2)]
        if "\n" in "".join(work) and ('"""' in statement or "f'" in statement):
            work = ["fetch(1)", "fetch(2)"]
        code = statement.replace("\n    ", f"\n{by}").replace("{0}", work[0]).replace("{1}", work[1])
        parts.append(indented(f"{code}\n", by))
        parts.append(draw(st.sampled_from(["", "", "\n", f"{by}# keep this\n"])))
    name = draw(st.sampled_from(["main", "_run", "__init__", "close"]))
    head = draw(
        st.sampled_from(["async def {}(self, url, urls):\n", "@decorated\nasync def {}(self, url, urls):  # keep\n"])
    )
    function = f"{head.format(name)}{''.join(parts)}{by}pass\n"
    return f"class Keep:\n{indented(function, by)}" if draw(st.booleans()) else function


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A module, with a line feed at each line's end."""
    parts = [draw(st.sampled_from(HEADS)), draw(st.sampled_from(IMPORTS))]
    for function in draw(st.lists(functions(), min_size=1, max_size=3)):
        parts += [draw(st.sampled_from(["", "\n", "\n\n"])), function]
    return "".join(parts)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A program as bytes: its line ends, its encoding, its last line."""
    text = draw(programs())
    if draw(st.booleans()):
        text = text.rstrip("\n")
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16-le", "shift_jis", "gb18030"]))
    if encoding in {"shift_jis", "gb18030"}:
        text = f"# coding: {encoding}\n" + text.replace("äöü 🐎", "日本").replace("🐎", "本")
    text = text.replace("\n", draw(st.sampled_from(["\n", "\r\n", "\r"])))
    return text.encode(encoding)
