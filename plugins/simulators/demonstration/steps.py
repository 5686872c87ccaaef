"""The journal of a walk: each step with its words, its outcome and its seconds, on the terminal as it happens."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape

from bridge.kernel.errors import BridgeError


class StepFailed(Exception):
    """What was to be shown did not happen; the message says what was seen instead."""


def expect(condition: object, otherwise: str) -> None:
    """Raise StepFailed(`otherwise`) unless the condition holds."""
    if not condition:
        raise StepFailed(otherwise)


@dataclass(slots=True)
class Step:
    """One step of the road."""

    key: str
    title: str
    seconds: float = 0.0
    done: bool = False
    said: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        """Add what was seen; it is printed below the step's title."""
        self.said.append(sentence)


class Journal:
    """Prints and keeps the steps."""

    def __init__(self, console: Console) -> None:
        self.steps: list[Step] = []
        self._console = console

    @contextmanager
    def step(self, key: str, title: str) -> Iterator[Step]:
        """Run one step: ✓ or ✗, its words, its seconds. What failed is raised again after it was printed."""
        step = Step(key, title)
        self.steps.append(step)
        started = time.monotonic()
        status = self._console.status(f"{escape(title)} …")
        status.start()
        try:
            yield step
            step.done = True
        except Exception as error:
            step.say(_words_of(error))
            raise
        finally:
            step.seconds = round(time.monotonic() - started, 2)
            status.stop()
            self._print(step)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Run steps of which each rests on the one before: the first that fails ends them, and no more."""
        try:
            yield
        except Exception:
            # A step prints what befell it; what is raised outside of any step is a defect and goes on.
            if all(step.done for step in self.steps):
                raise

    @property
    def failed(self) -> bool:
        """Whether a step failed."""
        return any(not step.done for step in self.steps)

    def seconds_per_step(self) -> dict[str, float]:
        """Return the seconds of each step by its key, in order."""
        return {step.key: step.seconds for step in self.steps}

    def _print(self, step: Step) -> None:
        mark = "[green]✓[/green]" if step.done else "[red]✗[/red]"
        self._console.print(f"{mark} {escape(step.title)}  [dim]{step.seconds:.1f} 秒[/dim]")
        for sentence in step.said:
            self._console.print(f"    [{'dim' if step.done else 'red'}]{escape(sentence)}[/]", soft_wrap=True)


def _words_of(error: Exception) -> str:
    if isinstance(error, BridgeError):
        return f"{error.message}({error.reason})"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def wait_for(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait until the condition holds; StepFailed(`otherwise`) when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise StepFailed(otherwise)
        time.sleep(0.1)
