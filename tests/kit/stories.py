"""What `check_workflow` tells of a saga that breaks, for tests to look at."""

import re
from typing import Any

import pytest
from hypothesis import strategies as st

from perdure.testing import Violation, check_workflow
from tests.kit.shop import Purchase

REQUESTS = st.builds(Purchase)
ONE = [Purchase(order_id="1", euros=20)]


def story_of(workflow: Any, **keywords: Any) -> str:
    with pytest.raises(Violation) as caught:
        check_workflow(workflow, **{"requests": ONE, "examples": 3, **keywords})
    return str(caught.value)


def schedule_in(story: str) -> str:
    found = re.search(r"that shows it: (.*)", story)
    assert found is not None
    return found[1]
