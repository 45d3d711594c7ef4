"""How real the synthetic scans are: the same as `octtutor bench phantom`.

    python benchmarks/phantom.py [--json] [--quick] [--data ../shared/oct2017/train] [--help]

Printed as JSON it is one object: `scans` (files and patients of `train`, `test`, `synthetic`),
`synthetic` (where they come from), `seed`, `quick`, and

`transfer`: a probe trained on synthetic scans only, tested on real ones (`synthetic_to_real`), the
reverse, and real to real for scale; the same two with recipe `features`, and what the model in use
answers on synthetic scans. `accuracy`, `accuracy_ci` over patients, `n`, `confusion`.
`gain`: by real scans of each class, the accuracy of a probe trained on them (`real`) and on them
and the synthetic scans (`both`), the paired `difference`, each with its interval, and a `verdict`.
`told_apart`: the area under the ROC of a `probe` and of a `small_network` that were trained to tell
real from synthetic, on patients they never saw; same columns, same preparation.
`radiomics`: by figure and by curve the distance of synthetic from real scans, that of two halves
of the real patients, and the ratio of both.
`plots`: the files that --plots wrote. Its `mixed.png` holds real scans: keep it to yourself.
"""

import typer

from octtutor.cli.bench.bench_phantom import phantom
from octtutor.cli.output import one_line_errors
from octtutor.wiring import prepare_environment, read_settings


def main() -> None:
    """Measure and print."""
    with one_line_errors():
        prepare_environment(read_settings())
        typer.run(phantom)


if __name__ == "__main__":
    main()
