"""The `myproject` command."""
