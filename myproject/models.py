"""All tables, for what must know every one of them: migrations, and the shell."""

from myproject.admin.models import Checkup
from myproject.audit import AuditEntry
from myproject.bookmarks.models import Bookmark
from myproject.comments.models import Comment, CommentLike, CommentRevision
from myproject.emails.models import BounceReceipt, Email, MailRoute, Suppression
from myproject.forms.models import KeptText, Submission
from myproject.images.models import Image, ImageUse
from myproject.moderation.models import Case, Flag, Vouch
from myproject.notifications.models import Notification, NotificationChoice, NotificationPreferences
from myproject.posts.models import (
    Post,
    PostAttention,
    PostLike,
    PostRevision,
    PostVisit,
    Tag,
    TagFollow,
    TagMute,
    TopPost,
)
from myproject.search.models import SearchEntry
from myproject.security.windows import LimitWindow
from myproject.switches import Switch
from myproject.users.models import (
    Authenticator,
    CommentBan,
    Connection,
    Export,
    FormerName,
    Invitation,
    Passkey,
    RecoveryCode,
    SecondFactorReset,
    SecurityLogEntry,
    SignInStep,
    User,
    UserBlock,
    UserSession,
    UserToken,
)

MODELS = (
    AuditEntry,
    Authenticator,
    Bookmark,
    BounceReceipt,
    Case,
    Checkup,
    Comment,
    CommentBan,
    CommentLike,
    CommentRevision,
    Connection,
    Email,
    Export,
    Flag,
    FormerName,
    Image,
    ImageUse,
    Invitation,
    KeptText,
    LimitWindow,
    MailRoute,
    Notification,
    NotificationChoice,
    NotificationPreferences,
    Passkey,
    Post,
    PostAttention,
    PostLike,
    PostRevision,
    PostVisit,
    RecoveryCode,
    SearchEntry,
    SecondFactorReset,
    SecurityLogEntry,
    SignInStep,
    Submission,
    Suppression,
    Switch,
    Tag,
    TagFollow,
    TagMute,
    TopPost,
    User,
    UserBlock,
    UserSession,
    UserToken,
    Vouch,
)
