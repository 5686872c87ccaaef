"""A fake of `ExamGrants` for tests of services: it remembers what it was told and opens nothing anywhere."""

from datetime import datetime

from bridge.kernel.errors import Unavailable


class RememberedGrants:
    """Says of itself that it is a fake. `fault` is raised instead of obeying, while it is set."""

    is_fake = True

    def __init__(self) -> None:
        self.open: dict[str, tuple[str, str, int]] = {}
        self.revoked: dict[str, str] = {}
        self.fault: Unavailable | None = None

    def grant(self, *, grant_id: str, sub: str, resource_link_id: str, expires_at: datetime) -> None:
        self._fail()
        if not resource_link_id.startswith("cm-"):
            raise Unavailable("exam_unknown", "没有这场考试。", permanent=True)
        if grant_id not in self.revoked:
            self.open[grant_id] = (sub, resource_link_id, int(expires_at.timestamp()))

    def revoke(self, *, grant_id: str, reason: str) -> None:
        self._fail()
        self.open.pop(grant_id, None)
        self.revoked.setdefault(grant_id, reason)

    def test_url(self, resource_link_id: str) -> str | None:
        return f"https://lms.example/test/{resource_link_id}" if resource_link_id.startswith("cm-") else None

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault
