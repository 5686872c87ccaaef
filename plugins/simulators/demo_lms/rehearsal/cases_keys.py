"""Cases of keys and algorithms: rows B16–B20. The odd keys share one key set, so that tools need not ask too often."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from plugins.simulators.demo_lms.faults import KeyDoor
from plugins.simulators.demo_lms.rehearsal.answers import Answer, Right
from plugins.simulators.demo_lms.rehearsal.case import Case, Draft, Stage
from plugins.simulators.demo_lms.rehearsal.signing import EcSigner, RsaSigner, hs256, signing_input

_EVIL_KEYS = "https://evil.example/jwks"


def _unsigned(draft: Draft) -> str:
    return f"{signing_input({'alg': 'none', 'typ': 'JWT', 'kid': draft.signer.kid}, draft.claims)}."


def _hs256_with_public_key(draft: Draft) -> str:
    header = {"alg": "HS256", "typ": "JWT", "kid": draft.signer.kid}
    return hs256(header, draft.claims, draft.signer.public_pem())


def _strangers(draft: Draft) -> str:
    return RsaSigner(draft.signer.kid, RsaSigner.new().key).sign(draft.claims)


def _payload_swapped(draft: Draft) -> str:
    header, _, signature = draft.changed().split(".")
    _, payload, _ = draft.changed(sub="rehearsal-learner-2").split(".")
    return f"{header}.{payload}.{signature}"


def _own_key(draft: Draft) -> str:
    mine = RsaSigner.new()
    return mine.sign(
        draft.claims, kid=draft.signer.kid, jwk=mine.jwk(), jku=_EVIL_KEYS, x5u="https://evil.example/x"
    )


def _named_own_key(draft: Draft) -> str:
    mine = RsaSigner.new()
    return mine.sign(draft.claims, jwk=mine.jwk())


def _key_ignored(draft: Draft) -> str:
    return draft.headed(jwk=RsaSigner.new().jwk(), jku=_EVIL_KEYS)


def _other_algorithm(draft: Draft) -> str:
    return draft.signer.sign(draft.claims, alg="RS512")


def _token(id: str, title: str, token: Callable[[Draft], str], right: Right = Right.REFUSE) -> Case:
    return Case(id, title, right, token)


TOKEN_CASES = (
    _token("B16.none", "没有签名（alg 为 none）", _unsigned),
    _token("B16.none-signed", "alg 为 none，却带着签名", lambda draft: draft.headed(alg="none")),
    _token("B16.hs256", "以公钥为口令的 HS256", _hs256_with_public_key),
    _token("B16.rs512", "签名算法不是登记的算法", _other_algorithm),
    _token("B16.signature", "签名是陌生人的", _strangers),
    _token("B16.payload", "内容在签名后换过", _payload_swapped),
    _token("B17.own-key", "凭证头自带公钥和公钥地址，冒用平台的 kid", _own_key),
    _token("B17.own-kid", "凭证头自带公钥，用自己的 kid", _named_own_key),
    _token("B17.ignored", "凭证头多带了公钥，签名是平台的", _key_ignored, Right.LEARNER),
    _token("B17.path", "kid 是文件路径", lambda draft: draft.headed(kid="../../../../dev/null")),
    _token("B17.sql", "kid 是 SQL 语句", lambda draft: draft.headed(kid="x' UNION SELECT 'key")),
    _token("B17.long", "kid 有八千个字符", lambda draft: draft.headed(kid="k" * 8000)),
    _token("B17.number", "kid 是数字", lambda draft: draft.headed(kid=7)),
    _token("B17.crit", "凭证头有不认识的必要项", lambda draft: draft.headed(crit=["exp"], exp=1)),
)


@dataclass(slots=True)
class OddKeys:
    """Keys that must not verify anything, published beside the platform's own; made when first needed."""

    twice: RsaSigner = field(default_factory=RsaSigner.new)
    short: RsaSigner = field(default_factory=lambda: RsaSigner.new(1024))
    encrypting: RsaSigner = field(default_factory=RsaSigner.new)
    elsewhere: RsaSigner = field(default_factory=RsaSigner.new)
    elliptic: EcSigner = field(default_factory=EcSigner.new)

    def published(self) -> list[dict[str, Any]]:
        """Return what stands in the key set."""
        return [
            self.twice.jwk(),
            RsaSigner(self.twice.kid, RsaSigner.new().key).jwk(),
            self.short.jwk(),
            self.encrypting.jwk(use="enc"),
            self.elsewhere.jwk(alg="RS512"),
            self.elliptic.jwk(),
        ]


class _KeySets:
    """The key set with the odd keys, published once for all cases that need it."""

    def __init__(self) -> None:
        self._odd: OddKeys | None = None

    def odd(self, stage: Stage) -> OddKeys:
        """Return the odd keys; the first time they are published, and tools get time to ask for them."""
        if self._odd is None:
            self._odd = OddKeys()
            stage.let_keys_be_fetched()
        stage.desk.faults.publish(self._odd.published())
        return self._odd


def _odd(sets: _KeySets, sign: Callable[[OddKeys, Draft], str]) -> Callable[[Stage], Answer]:
    def play(stage: Stage) -> Answer:
        keys = sets.odd(stage)
        try:
            return stage.launch(lambda draft: sign(keys, draft))
        finally:
            stage.desk.faults.publish([])

    return play


def _confused(keys: OddKeys, draft: Draft) -> str:
    """RS256 said, an EC key named, signed by an RSA key: whoever mixes the two up has no check at all."""
    return RsaSigner(keys.elliptic.kid, draft.signer.key).sign(draft.claims)


def _rotated(stage: Stage) -> Answer:
    with stage.browser() as browser:
        warm = stage.right_launch(browser)
        if not warm.accepted:
            return replace(warm, unproven="更换密钥前的正确进入没有被接受")
    stage.let_keys_be_fetched()
    fresh = RsaSigner.new()
    stage.desk.faults.publish([fresh.jwk()])
    try:
        return stage.launch(lambda draft: fresh.sign(draft.claims))
    finally:
        stage.desk.faults.publish([])


@contextmanager
def _door(stage: Stage, door: KeyDoor) -> Iterator[None]:
    stage.desk.faults.set_door(door)
    try:
        yield
    finally:
        stage.desk.faults.set_door(KeyDoor.RIGHT)


def _new_key_behind(door: KeyDoor) -> Callable[[Stage], Answer]:
    """Sign with a key that only the misbehaving door could tell of."""

    def play(stage: Stage) -> Answer:
        stage.let_keys_be_fetched()
        before, fresh = stage.desk.faults.key_fetches, RsaSigner.new()
        stage.desk.faults.publish([fresh.jwk()])
        try:
            with _door(stage, door):
                answer = stage.launch(lambda draft: fresh.sign(draft.claims))
        finally:
            stage.desk.faults.publish([])
        if stage.desk.faults.key_fetches == before and not answer.accepted:
            return replace(answer, unproven="工具没有来取公钥")
        return answer

    return play


def _known_key_behind(stage: Stage) -> Answer:
    with stage.browser() as browser:
        warm = stage.right_launch(browser)
    if not warm.accepted:
        return replace(warm, unproven="公钥地址正常时的进入没有被接受")
    with _door(stage, KeyDoor.DOWN), stage.browser() as browser:
        return stage.right_launch(browser)


def key_cases() -> tuple[Case, ...]:
    """Return the cases of keys, with odd keys that are made anew for each rehearsal."""
    sets = _KeySets()

    def odd(id: str, title: str, sign: Callable[[OddKeys, Draft], str]) -> Case:
        return Case(id, title, Right.REFUSE, flow=_odd(sets, sign))

    def behind(id: str, title: str, door: KeyDoor) -> Case:
        return Case(id, title, Right.REFUSE, flow=_new_key_behind(door), may_be_unavailable=True)

    return (
        Case("B20", "平台更换密钥，工具还存着旧的", Right.LEARNER, flow=_rotated),
        odd("B16.ec", "RS256 凭证指着一个椭圆曲线公钥", _confused),
        odd(
            "B16.es256",
            "以公布的椭圆曲线密钥签名，算法不是登记的",
            lambda keys, d: keys.elliptic.sign(d.claims),
        ),
        odd("B16.alg", "公钥注明用于别的算法", lambda keys, d: keys.elsewhere.sign(d.claims)),
        odd("B18.twice", "同一 kid 公布了两个公钥", lambda keys, d: keys.twice.sign(d.claims)),
        odd("B18.short", "公钥只有 1024 位", lambda keys, d: keys.short.sign(d.claims)),
        odd("B18.enc", "公钥注明用于加密", lambda keys, d: keys.encrypting.sign(d.claims)),
        behind("B19.down", "公钥地址答复 500", KeyDoor.DOWN),
        behind("B19.redirect", "公钥地址跳转到别处", KeyDoor.MOVED),
        behind("B19.huge", "公钥超过 1 MB", KeyDoor.HUGE),
        behind("B19.json", "公钥不是 JSON", KeyDoor.NOT_JSON),
        behind("B19.slow", "公钥地址很久不答复", KeyDoor.SLOW),
        Case("B19.cached", "公钥地址出错，工具还存着公钥", Right.LEARNER, flow=_known_key_behind),
    )
