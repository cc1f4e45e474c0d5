"""Markdown of members -> safe HTML. `render.py` is the door."""
