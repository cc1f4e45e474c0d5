"""The mail doctor: what keeps the site's mails from arriving, read off the DNS and off a talk with the relay."""
