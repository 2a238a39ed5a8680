"""Tests of what users write: declarations, payloads, failures, retry policies. No engine here."""
