"""A fake of `LearnerStateKeeper` for tests of services: it remembers what it was told."""

from bridge.kernel.errors import Unavailable


class RememberedStates:
    """Says of itself that it is a fake. `fault` is raised instead of obeying, while it is set."""

    is_fake = True

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], tuple[bool, int]] = {}
        self.told: list[tuple[str, str, bool, int]] = []
        self.fault: Unavailable | None = None

    def set_learner_state(self, *, sub: str, context_id: str, real_name: bool, class_hours: int) -> None:
        self.told.append((sub, context_id, real_name, class_hours))
        if self.fault is not None:
            raise self.fault
        if context_id.startswith("no-"):
            raise Unavailable("exam_service_refused", "没有这门课程。", permanent=True)
        self.states[sub, context_id] = (real_name, class_hours)
