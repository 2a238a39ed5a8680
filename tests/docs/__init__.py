"""The documentation as its readers meet it: code runs, links lead on, nothing is stale."""
