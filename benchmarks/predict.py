"""How long one scan takes: a reveal against the article's way, a compiled map, and bare passes.

    python benchmarks/predict.py [--json] [--rounds N] [--model NAME]

The same as `octtutor bench predict`. Same process, same scans, same network, turn and turn about;
medians.
"""

import typer

from octtutor.cli.bench.bench_predict import predict
from octtutor.cli.output import one_line_errors
from octtutor.wiring import prepare_environment, read_settings

if __name__ == "__main__":
    with one_line_errors():
        prepare_environment(read_settings())
        typer.run(predict)
