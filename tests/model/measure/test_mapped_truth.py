"""Truths of another scheme: which can be measured at all. The rest is tried on the command line."""

from dataclasses import replace

import pytest

from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME, SHIPPED
from octtutor.errors import BadInputError
from octtutor.model.measure.mapped_truth import MappedTruth


def test_a_scheme_without_a_mapping_is_refused_before_anything_is_answered():
    alone = replace(SHIPPED.get("octdl"), name="mine", mappings=())
    with pytest.raises(BadInputError, match=r"from the scheme 'mine' to 'oct2017'. None is decl"):
        MappedTruth(Naming(alone))


def test_the_networks_own_scheme_needs_no_mapping():
    assert MappedTruth(Naming(OCT2017_SCHEME)).facts() == {
        "mapping": {"scheme": "oct2017", "counted": {}, "left_out": {}}
    }
    assert MappedTruth().facts() == {}
