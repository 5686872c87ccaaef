"""What is remembered of people is let go by itself, and at once where it must be."""

import threading

from bridge.db.short_memory import ShortMemory


def test_what_is_remembered_is_found_and_no_more_once_it_was_cleared() -> None:
    memory: ShortMemory[str, bytes] = ShortMemory(2)
    memory.put("a", b"1")
    assert memory.get("a") == b"1"
    memory.clear()
    assert (memory.get("a"), len(memory)) == (None, 0)


def test_the_oldest_makes_room() -> None:
    memory: ShortMemory[str, bytes] = ShortMemory(2)
    for name in "aab c".replace(" ", ""):
        memory.put(name, name.encode())
    assert [memory.get(name) for name in "abc"] == [None, b"b", b"c"]


def test_what_is_old_is_let_go_though_nobody_asks() -> None:
    memory: ShortMemory[int, bytes] = ShortMemory(100, seconds=0.05)
    for number in range(50):
        memory.put(number, b"x")
    wait_for(memory)
    assert len(memory) == 0
    # And the next are let go too.
    memory.put(1, b"x")
    wait_for(memory)
    assert len(memory) == 0


def wait_for(memory: ShortMemory[int, bytes]) -> None:
    """Wait until the memory's timer has nothing left to do."""
    while (timer := memory._timer) is not None:
        timer.join(20)
        assert not timer.is_alive()


def test_what_is_old_is_not_told_before_it_was_let_go() -> None:
    memory: ShortMemory[str, bytes] = ShortMemory(2, seconds=0.0)
    memory._timer = threading.Timer(3600, lambda: None)  # as if it were late
    memory.put("a", b"1")
    assert memory.get("a") is None
