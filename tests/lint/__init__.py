"""`perdure lint`: each rule on samples that break it and on good neighbours, and the command."""
