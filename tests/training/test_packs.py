"""Packs are a function of the plan: every network is in one pack; packs are few and full."""

from disc_patches import RECIPE
from hypothesis import given
from hypothesis import strategies as st

from hrtem_shift.training.packs import NETWORKS_AT_ONCE, pack_id, packs


def plan(counts):
    return [
        {"train_set": f"set{s}", "run_id": f"set{s}_{k}"}
        for s, count in enumerate(counts)
        for k in range(count)
    ]


@given(st.lists(st.integers(0, 23), max_size=5), st.randoms())
def test_every_network_is_in_one_pack_of_its_data_set(counts, random):
    rows = plan(counts)
    random.shuffle(rows)
    packed = packs(rows, RECIPE)
    for name in {row["train_set"] for row in rows}:
        of_set = [row for pack in packed for row in pack if row["train_set"] == name]
        assert of_set == [row for row in rows if row["train_set"] == name]
    assert sum(map(len, packed)) == len(rows)
    for pack in packed:
        assert len({row["train_set"] for row in pack}) == 1
        assert len(pack) <= NETWORKS_AT_ONCE
    assert len(packed) == sum(-(-count // NETWORKS_AT_ONCE) for count in counts)


def test_packs_of_a_data_set_are_of_nearly_equal_size():
    assert [len(pack) for pack in packs(plan([5, 4, 9]), RECIPE)] == [3, 2, 4, 3, 3, 3]


def test_what_cannot_be_fused_is_trained_alone():
    recipe = RECIPE.model_copy(update={"architecture": "preactivation_unet"})
    assert [len(pack) for pack in packs(plan([5]), recipe)] == [1] * 5


def test_a_pack_is_named_by_its_networks():
    first, second = packs(plan([8]), RECIPE)
    assert pack_id(first) == pack_id(packs(plan([8]), RECIPE)[0])
    assert len({pack_id(first), pack_id(second), pack_id(first[:3])}) == 3
