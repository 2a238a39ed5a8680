"""Perdure: durable workflows in plain async Python, on an ordered journal per execution."""
