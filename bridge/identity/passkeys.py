"""Passkeys of staff (WebAuthn Level 2, by py_webauthn): each challenge is kept here and answered once."""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from bridge.db.unit_of_work import UnitOfWork
from bridge.identity.ports import Now
from bridge.identity.second_factor_tables import PasskeyChallengeRow, SecondFactorRow
from bridge.identity.second_factors import ISSUER
from bridge.identity.staff import StaffAccount
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import new_id

_ANSWERED_WITHIN = timedelta(minutes=5)
_MAX_ID = 1023
"""Bytes of a credential's id (WebAuthn 4)."""


class Passkeys:
    """Use cases of passkeys, in units of work of their own.

    Args:
        public_url: the origin that browsers type; its host is the relying party's id.
    """

    def __init__(self, uow: UnitOfWork, clock: Now, public_url: str) -> None:
        parts = urlsplit(public_url)
        self._uow = uow
        self._clock = clock
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._rp_id = parts.hostname or ""

    def ask_to_register(self, account: StaffAccount) -> tuple[str, dict[str, Any]]:
        """Return a challenge for the session to remember, and what the browser is asked."""
        with self._uow.across_institutions("register a passkey") as tx:
            options = generate_registration_options(
                rp_id=self._rp_id,
                rp_name=ISSUER,
                user_id=account.id.encode(),
                user_name=account.login,
                user_display_name=account.login,
                exclude_credentials=_descriptors(tx.session, account.id),
                authenticator_selection=AuthenticatorSelectionCriteria(
                    resident_key=ResidentKeyRequirement.PREFERRED,
                    user_verification=UserVerificationRequirement.PREFERRED,
                ),
            )
            self._keep(tx.session, options.challenge, account, "register")
        return bytes_to_base64url(options.challenge), json.loads(options_to_json(options))

    def register(
        self, account: StaffAccount, challenge: str, answer: Mapping[str, Any], browser: str
    ) -> None:
        """Keep the passkey that answers `challenge`.

        Raises:
            InvalidInput: passkey_challenge_over, passkey_refused, passkey_taken.
        """
        asked = self._take(challenge, account, "register")
        try:
            made = verify_registration_response(
                credential=dict(answer),
                expected_challenge=asked,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
            )
        except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError) as error:
            raise _refused() from error
        if len(made.credential_id) > _MAX_ID:
            raise _refused()
        now = self._clock.now()
        row = SecondFactorRow(
            id=new_id("fac"),
            staff_id=account.id,
            kind="passkey",
            browser=browser[:40],
            last_step=0,
            credential_id=bytes_to_base64url(made.credential_id),
            credential_sha256=sha256(made.credential_id).hexdigest(),
            public_key=base64.b64encode(made.credential_public_key).decode("ascii"),
            sign_count=made.sign_count,
            created_at=now,
            confirmed_at=now,
        )
        try:
            with self._uow.across_institutions("keep a passkey") as tx:
                tx.session.add(row)
                tx.session.flush()
        except IntegrityError as error:
            raise InvalidInput("passkey_taken", "这个通行密钥已经登记过了。", http_status=409) from error

    def ask(self, account: StaffAccount) -> tuple[str, dict[str, Any]]:
        """Return a challenge for the session to remember, and what the browser is asked.

        Raises:
            InvalidInput("passkey_missing"): the account has none.
        """
        with self._uow.across_institutions("ask for a passkey") as tx:
            known = _descriptors(tx.session, account.id)
            if not known:
                raise InvalidInput("passkey_missing", "这个账号没有登记通行密钥,请用验证码登录。")
            options = generate_authentication_options(
                rp_id=self._rp_id,
                allow_credentials=known,
                user_verification=UserVerificationRequirement.PREFERRED,
            )
            self._keep(tx.session, options.challenge, account, "sign_in")
        return bytes_to_base64url(options.challenge), json.loads(options_to_json(options))

    def prove(self, account: StaffAccount, challenge: str, answer: Mapping[str, Any]) -> None:
        """Return if the answer is right, once.

        Raises:
            InvalidInput: passkey_challenge_over, passkey_refused (also for a counter that did not grow: a copy).
        """
        asked = self._take(challenge, account, "sign_in")
        with self._uow.across_institutions("prove a passkey") as tx:
            row = tx.session.scalar(
                select(SecondFactorRow)
                .where(
                    SecondFactorRow.staff_id == account.id,
                    SecondFactorRow.credential_sha256 == _sha256_of(answer.get("rawId")),
                )
                .with_for_update()
            )
            if row is None:
                raise _refused()
            try:
                proved = verify_authentication_response(
                    credential=dict(answer),
                    expected_challenge=asked,
                    expected_rp_id=self._rp_id,
                    expected_origin=self._origin,
                    credential_public_key=base64.b64decode(row.public_key or ""),
                    credential_current_sign_count=row.sign_count,
                )
            except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError) as error:
                raise _refused() from error
            grown: Any = tx.session.execute(
                update(SecondFactorRow)
                .where(SecondFactorRow.id == row.id, SecondFactorRow.sign_count == row.sign_count)
                .values(sign_count=proved.new_sign_count, used_at=self._clock.now())
            )
            if not grown.rowcount:
                raise _refused()

    def sweep(self) -> int:
        """Delete challenges that nobody answered; return how many."""
        with self._uow.across_institutions("forget challenges that are over") as tx:
            gone: Any = tx.session.execute(
                delete(PasskeyChallengeRow).where(PasskeyChallengeRow.expires_at < self._clock.now())
            )
        return int(gone.rowcount)

    def _keep(self, session: Session, challenge: bytes, account: StaffAccount, purpose: str) -> None:
        session.add(
            PasskeyChallengeRow(
                id=sha256(challenge).hexdigest(),
                staff_id=account.id,
                purpose=purpose,
                expires_at=self._clock.now() + _ANSWERED_WITHIN,
            )
        )

    def _take(self, challenge: str, account: StaffAccount, purpose: str) -> bytes:
        """Return the challenge, which nobody can answer again, whatever becomes of this answer."""
        try:
            asked = base64url_to_bytes(challenge)
        except ValueError:
            asked = b""
        with self._uow.across_institutions("answer a challenge") as tx:
            taken: Any = tx.session.execute(
                delete(PasskeyChallengeRow).where(
                    PasskeyChallengeRow.id == sha256(asked).hexdigest(),
                    PasskeyChallengeRow.staff_id == account.id,
                    PasskeyChallengeRow.purpose == purpose,
                    PasskeyChallengeRow.expires_at > self._clock.now(),
                )
            )
        if not taken.rowcount:
            raise InvalidInput("passkey_challenge_over", "验证已超时或已用过,请再点一次按钮。")
        return asked


def _descriptors(session: Session, staff_id: str) -> list[PublicKeyCredentialDescriptor]:
    known = session.scalars(
        select(SecondFactorRow.credential_id)
        .where(SecondFactorRow.staff_id == staff_id, SecondFactorRow.kind == "passkey")
        .order_by(SecondFactorRow.id)
    )
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known if one is not None]


def _sha256_of(raw_id: object) -> str:
    try:
        return sha256(base64url_to_bytes(str(raw_id))).hexdigest()
    except ValueError:
        return ""


def _refused() -> InvalidInput:
    return InvalidInput("passkey_refused", "通行密钥没有通过验证,请重试,或改用验证码。")
