"""The benchmark of a server's memory and start measures both servers, once each here."""

from benchmarks.serving import measure


def test_it_measures_start_and_memory_beside_a_bare_app():
    told = measure(rounds=1, reveals=4)
    medians = told["medians"]
    for what in ("octtutor, first page (s)", "bare Gradio, first page (s)"):
        assert medians[what] > 0
    assert medians["octtutor, first reveal (s)"] > medians["octtutor, first page (s)"]
    assert medians["octtutor, after 4 reveals (MB)"] > medians["bare Gradio, at rest (MB)"]
    page = medians["octtutor, first page (s)"] / medians["bare Gradio, first page (s)"]
    assert told["ratios"]["first_page_over_bare"] == page
