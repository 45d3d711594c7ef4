"""Whether maps are to be trusted: every method on phantoms, or on scans with masks.

    python benchmarks/explain.py [--json] [--data DIR --masks DIR --label L] [--limit N]

The same as `octtutor bench explain`; see docs/explanations.md for what is measured.
"""

import typer

from octtutor.cli.bench.bench_explain import explain
from octtutor.cli.output import one_line_errors

if __name__ == "__main__":
    with one_line_errors():
        typer.run(explain)
