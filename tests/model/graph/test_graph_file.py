"""The graph in a model's folder, and the card that says what it was made of."""

from octtutor.model.graph.graph_file import check_graph, graph_fault
from octtutor.model.network.card import read_card
from tests.conftest import MODEL


def test_the_shipped_network_has_the_graph_of_its_card():
    """Else every first start would make it anew, and Keras would serve meanwhile."""
    assert graph_fault(read_card(MODEL)) is None
    assert check_graph(MODEL).parent == MODEL
