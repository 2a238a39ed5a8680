"""The ports against their models: what memory does, a file and a server do for any story."""
