"""All tables, for what must know every one of them: migrations, and the shell."""

from myproject.audit import AuditEntry
from myproject.comments.models import Comment
from myproject.emails.models import Email
from myproject.posts.models import Post, Tag
from myproject.users.models import User, UserSession, UserToken

MODELS = (AuditEntry, Comment, Email, Post, Tag, User, UserSession, UserToken)
