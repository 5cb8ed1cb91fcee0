"""What the tests of training share."""

import pytest
from disc_patches import disc_patch_set, one_thread


@pytest.fixture
def discs():
    return disc_patch_set()


@pytest.fixture
def single_thread():
    with one_thread():
        yield
