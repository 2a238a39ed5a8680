"""The benchmarks run, on as few workflows as show it. Figures are not judged here."""
