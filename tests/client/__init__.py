"""Clients: orders through the mailbox, from any process, with the handles of an engine."""
