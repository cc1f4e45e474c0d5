"""The screens of notifications."""
