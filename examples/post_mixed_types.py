"""Lists of coroutines and coroutines of several types, with the types that a checker infers for their results."""

import asyncio
from typing import assert_type

from corral import gather_tg, join_tg


async def func1(val: int) -> int:
    return val


async def func2(val: str) -> int:
    return len(val)


async def func3(val: str) -> str:
    return val


async def main() -> None:
    results_1 = await gather_tg(*[func1(val) for val in range(5)])
    assert_type(results_1, list[int])
    print(results_1)  # [0, 1, 2, 3, 4]

    results_2 = await gather_tg(func1(1), func2("4"))
    assert_type(results_2, list[int])
    print(results_2)  # [1, 1]

    results_3 = await gather_tg(func2("1"), func3("4"))
    assert_type(results_3, list[int | str])
    print(results_3)  # [1, '4']

    # One type per position, where a list has one type for all.
    length, text = await join_tg(func2("1"), func3("4"))
    assert_type(length, int)
    assert_type(text, str)
    print(length, text)  # 1 4


if __name__ == "__main__":
    asyncio.run(main())
