"""Steps: what a browser has begun and must end within minutes, such as a sign-in that waits for its second factor.

The browser holds a random token in a cookie; the row holds its hash and what has to be remembered meanwhile. A
step grants nothing by itself, and ends once.
"""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.security.tokens import hash_token, make_token
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import SignInStep


def begin_step(
    db: Session,
    step: USER.Step,
    data: dict[str, Any] | None = None,
    *,
    user_id: int | None = None,
    minutes: int = USER.STEP_MINUTES,
) -> str:
    """Begins a step that remembers `data` (JSON values) for `minutes`; gives the token for the browser."""
    token = make_token()
    db.add(
        SignInStep(
            token_hash=hash_token(token),
            step=step,
            user_id=user_id,
            data=data or {},
            expires_at=utc_now() + timedelta(minutes=minutes),
        )
    )
    return token


def find_step(db: Session, token: str, step: USER.Step) -> Any:
    """The step of a token as (user_id, data, tries), or None. Looking spends nothing."""
    if not token:
        return None
    columns = (SignInStep.user_id, SignInStep.data, SignInStep.tries)
    return db.execute(sa.select(*columns).where(*live_step(token, step))).first()


def count_try(db: Session, token: str, step: USER.Step) -> int:
    """Counts one try at a step, and gives how many there were. Raises StepGone where it is over or was tried more
    than `STEP_TRIES` times. Call it in a transaction of its own: it must stand when the try fails.
    """
    tries = db.scalar(
        sa.update(SignInStep)
        .where(*live_step(token, step))
        .values(tries=SignInStep.tries + 1)
        .returning(SignInStep.tries)
        .execution_options(synchronize_session=False)
    )
    if tries is None or tries > USER.STEP_TRIES:
        raise errors.StepGone
    return tries


def end_step(db: Session, token: str, step: USER.Step) -> Any:
    """Ends a step: its row as (user_id, data). One of many at once gets it, the others StepGone."""
    row = db.execute(
        sa.delete(SignInStep)
        .where(*live_step(token, step))
        .returning(SignInStep.user_id, SignInStep.data)
        .execution_options(synchronize_session=False)
    ).first()
    if row is None:
        raise errors.StepGone
    return row


def drop_step(db: Session, token: str) -> None:
    """Ends whatever a browser has begun, if anything."""
    db.execute(sa.delete(SignInStep).where(SignInStep.token_hash == hash_token(token)))


def end_waiting_sign_ins(db: Session, user_id: int) -> None:
    """Ends every step of a member that waits for a second factor: what came before it no longer counts."""
    db.execute(
        sa.delete(SignInStep).where(SignInStep.user_id == user_id, SignInStep.step == USER.Step.SECOND_FACTOR)
    )


def live_step(token: str, step: USER.Step) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        SignInStep.token_hash == hash_token(token),
        SignInStep.step == step,
        SignInStep.expires_at > utc_now(),
    )
