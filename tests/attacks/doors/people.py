"""Made-up people with what must leave no trace: names, citizen ids, e-mail addresses, telephone numbers."""

from dataclasses import dataclass

from bridge.identity.citizen_id import check_character

_FIRST = "岫岚湫珩翀霁黛蓼篁榛滢"
_SECOND = "珺璟旻昶翊翎蘅蕤暄晞沅沚泠淇琬琰钰铖骞翾煊烨"
LISTED = len(_FIRST) * len(_SECOND)
"""How many people stand on the enrolment list."""


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist; the area code 440199 does not either."""

    number: int

    @property
    def name(self) -> str:
        return f"钟离{_FIRST[self.number % len(_FIRST)]}{_SECOND[self.number // len(_FIRST) % len(_SECOND)]}"

    @property
    def citizen_id(self) -> str:
        body = f"440199{1970 + self.number % 30}{1 + self.number % 12:02}15{100 + self.number}"
        return body + check_character(body)

    @property
    def sub(self) -> str:
        """The person's account on the platform: some name their users by citizen id."""
        return self.citizen_id

    @property
    def email(self) -> str:
        return f"canary-{self.number:03}@mail.example"

    @property
    def phone(self) -> str:
        # Not 19900020…: a moment's last digits and the date in the next column, ".199000" and "2026-…", read so too.
        return f"1990007{self.number:04}"

    @property
    def wechat(self) -> str:
        return f"wx_canary_{self.number:03}"

    @property
    def canaries(self) -> tuple[str, ...]:
        """What of the person may stand nowhere in clear."""
        return self.name, self.citizen_id, self.email, self.phone, self.wechat
