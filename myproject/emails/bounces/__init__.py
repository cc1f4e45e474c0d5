"""Mail that comes back: what it says, how it reaches the site, and whether to believe it."""
