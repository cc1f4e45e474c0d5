"""All tables, for what must know every one of them: migrations, and the shell."""

from myproject.audit import AuditEntry
from myproject.comments.models import Comment
from myproject.emails.models import Email
from myproject.posts.models import Post, Tag
from myproject.users.models import (
    Authenticator,
    Connection,
    Export,
    FormerName,
    Invitation,
    Passkey,
    RecoveryCode,
    SecurityLogEntry,
    SignInStep,
    User,
    UserSession,
    UserToken,
)

MODELS = (
    AuditEntry,
    Authenticator,
    Comment,
    Connection,
    Email,
    Export,
    FormerName,
    Invitation,
    Passkey,
    Post,
    RecoveryCode,
    SecurityLogEntry,
    SignInStep,
    Tag,
    User,
    UserSession,
    UserToken,
)
