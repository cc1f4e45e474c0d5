"""What a server's answer means for an address: dead, in trouble, or nothing at all.

By the enhanced status code (RFC 3463) where there is one that says something, else by SMTP's (RFC 5321), else by
the words. A refusal of what a mail says, or of who sent it, is the site's trouble, and none of the reader's.
"""

import re
from enum import IntEnum


class Verdict(IntEnum):
    """What a report means for the address; the graver has the higher number."""

    NOTHING = 0  # delivered, delayed, or refused for what it says or for who sent it
    SOFT = 1
    HARD = 2
    COMPLAINT = 3


# An address in IPv4 looks much the same. A status has a class of 2, 4 or 5, a subject of 0 to 7.
ENHANCED = re.compile(r"(?<![\d.])([245]\.[0-7]\.\d{1,3})(?!\.?\d)")
REPLY = re.compile(r"(?<![\d.\-/:])(421|45[0-4]|521|55[0-6])(?=[ \-\n,;:#])")
# Addresses and names of hosts say nothing: `ann@nospam.example` is no verdict.
NAMES = re.compile(r"[^\s@]{0,128}@\S{0,255}|https?://\S{1,2000}|(?<![\w.-])[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}")

# The server does not want the mail, whoever it is for.
UNWANTED = re.compile(
    r"(?i)\bspam|spam\b|\bvirus|malware|phish|\bbanned|black ?list|block ?list|blocked|"
    r"(?<!not )listed (?:in|by|at|on)|\bdnsbl|\brbl\b|reputation|policy|\bspf\b|\bdkim\b|\bdmarc\b|"
    r"unauthenticated|authenticat|relay|content (?:rejected|filter)|message content|attachment|"
    r"too (?:many|large|big)|size limit|exceeds .{0,20}size|rate limit|throttl|"
    r"greylist|graylist|(?:bad|invalid|unknown) (?:sender|helo)|sender (?:address )?(?:rejected|verify|denied)|"
    r"not allowed to send|permission to (?:send|post)|suspicious|unsolicited|listed as a bad"
)
DENIED = re.compile(r"(?i)access denied|not permitted|refused")
# Nobody is there.
UNKNOWN = re.compile(
    r"(?i)(?:user|recipient|mailbox|address|account|alias|local part)\s{0,3}(?:\S{1,40}\s){0,3}?"
    r"(?:is |was |has been |are )?(?:unknown|not found|invalid|rejected|disabled|inactive|closed|deactivated|"
    r"terminated|expired|unavailable|unrouteable|not (?:known|exist|valid|listed|active|available)|"
    r"do(?:es)? ?n[o']t exist|no longer)|"
    r"(?:unknown|no such|invalid|bad|non-?existent|unrouteable|undeliverable|disabled|inactive) (?:\w+ )?"
    r"(?:user|recipient|mailbox|address|account|person|domain|local part)|"
    r"does ?n[o']t have an? \S{1,40} account|no mailbox (?:here )?by that name|no one by that name|"
    r"(?:host|domain)(?: or domain)? name (?:not found|lookup failed)|no such (?:host|domain)|"
    r"could ?n[o']t find any host|domain (?:\S{1,80} )?(?:does ?n[o']t exist|not found)|nullmx|null mx|"
    r"wasn't found|couldn't be found|can ?n[o']t be found|not our customer|does not accept mail|"
    r"no longer (?:valid|active|in use|available|works here|exists)|user doesn't have|unrouteable"
)
# Somebody is there, whose mailbox takes nothing now; or the way there was closed.
TROUBLE = re.compile(
    r"(?i)\bfull\b|quota|over ?limit|storage|insufficient|out of space|try again|temporar|timed? ?out|"
    r"connection (?:refused|reset|lost|dropped)|unreachable|expired|too long in (?:the )?queue|retry time|"
    r"could ?n[o']t (?:connect|establish)|loop|hop count|too many hops|no route|local error|configuration error|"
    r"server (?:error|failure|busy)"
)
DELAYED = re.compile(
    r"(?i)will (?:be retried|be tried again|keep trying|continue to (?:be )?(?:try|attempt|retr)|retry)|"
    r"has not (?:yet )?been delivered|not yet been delivered|still being retried|"
    r"you do(?: not|n't) need to resend|"
    r"no action is required|warning: (?:message|could not send)|delivery (?:incomplete|delayed)|delayed mail|"
    r"delivery status notification \(delay\)"
)
FAILED = re.compile(
    r"(?i)could ?n[o']t be delivered|undeliver(?:able|ed)|"
    r"delivery (?:to \S{1,99} |has |status notification \()?fail|"
    r"failed permanently|permanent (?:fatal )?(?:error|failure)|returned (?:mail|to sender|message)|"
    r"mail delivery failed|failure notice|wasn't able to deliver|unable to deliver|can ?n[o']t be delivered|"
    r"not delivered|message (?:could not|not) be delivered|delivery failure|mail system error|did not reach|"
    r"recipients? failed|address(?:\(es\)|es)? failed|rejected"
)

# The detail of a code whose subject alone says another thing (IANA's registry of enhanced status codes).
EXCEPTIONS = {
    "1.7": Verdict.NOTHING,  # the sender's address
    "1.8": Verdict.NOTHING,
    "1.9": Verdict.NOTHING,
    "2.0": Verdict.SOFT,
    "2.2": Verdict.SOFT,  # full
    "2.3": Verdict.NOTHING,  # longer than the mailbox takes
    "2.4": Verdict.SOFT,
    "3.4": Verdict.NOTHING,  # too big
    "4.4": Verdict.HARD,  # no host takes mail for the domain
    "4.310": Verdict.HARD,  # Exchange: the domain does not exist
    "7.9": Verdict.NOTHING,
    "7.13": Verdict.HARD,  # the account is disabled
    "7.17": Verdict.HARD,  # the mailbox has another owner now (RFC 7293)
    "7.18": Verdict.HARD,  # the domain has another owner
}
SUBJECTS = {"1": Verdict.HARD, "2": Verdict.HARD, "6": Verdict.NOTHING}


def without_names(text: str) -> str:
    """A text on one line, without the names of people and machines."""
    return " ".join(NAMES.sub(" ", text).split())


def judge(action: str, status: str, words: str) -> tuple[Verdict, str]:
    """The verdict on one recipient of a report (RFC 3464, 2.3), and the code that it goes by, "" where none.

    `action` is in lower case. Only `failed` says that somebody gave up; `delayed` is followed by that, or by mail.
    """
    codes = [*ENHANCED.findall(status), *ENHANCED.findall(words)]
    # Servers write 5.0.0 where they were told more, which stands in the words then.
    code = next((code for code in codes if not code.endswith(".0.0")), codes[0] if codes else "")
    if action and action not in ("failed", "failure", "fail"):
        return Verdict.NOTHING, code
    if code.startswith("2."):
        return Verdict.NOTHING, code
    return verdict_of_code(code, words), code


def verdict_of_code(code: str, words: str) -> Verdict:
    """What an answer means by its enhanced code and, where that says too little, by SMTP's and the words."""
    said = without_names(words)
    kind, _dot, rest = code.partition(".")
    if kind == "4":
        # Given up after tries that all were put off. What was put off for who we are is not the reader's trouble.
        return Verdict.NOTHING if rest.startswith(("7.", "6.")) or UNWANTED.search(said) else Verdict.SOFT
    if rest in EXCEPTIONS:
        return EXCEPTIONS[rest]
    subject = rest.partition(".")[0]
    if subject in SUBJECTS and rest != "1.0":
        return SUBJECTS[subject]
    # With 5.4.1, Microsoft's servers say so of an address that they don't know; with 5.7, servers say it of us.
    if UNWANTED.search(said) or (subject == "7" and DENIED.search(said)):
        return Verdict.NOTHING
    if UNKNOWN.search(said) or subject == "1":
        return Verdict.HARD
    if subject == "7":
        return Verdict.NOTHING
    return verdict_of_reply(said) if subject in ("0", "5", "") else Verdict.SOFT


def verdict_of_reply(said: str) -> Verdict:
    """What SMTP's own code means (RFC 5321, 4.2.3): 550 and its neighbours of the mailbox, 521 and 556 of a domain
    that takes no mail (RFC 7504).
    """
    reply = REPLY.search(f"{said}\n")
    if reply and not TROUBLE.search(said) and reply[1] in ("550", "551", "553", "521", "556"):
        return Verdict.HARD
    return Verdict.SOFT


def verdict_of_text(text: str) -> tuple[Verdict | None, str, str]:
    """The verdict on a text without a report, its code, and the lines that say it. None where the text does not
    tell of a mail that came back.
    """
    said = without_names(text)
    code = next(iter(ENHANCED.findall(text)), "")
    if DELAYED.search(said):
        return Verdict.NOTHING, code, ""
    if not FAILED.search(said):
        return None, code, ""
    lines = text.splitlines()
    answers = [line for line in lines if ENHANCED.search(line) or REPLY.search(f"{without_names(line)}\n")]
    telling = answers or [line for line in lines if tells(without_names(line))]
    words = " ".join(" ".join(telling[:4]).split())
    return verdict_of_code(code, words), code, words


def tells(line: str) -> bool:
    return any(pattern.search(line) for pattern in (UNKNOWN, UNWANTED, TROUBLE))
