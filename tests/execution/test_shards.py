"""Shards of a plan: disjoint, complete, and the same whatever else is planned."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hrtem_shift.execution.shards import Shard, jobs_of_shard

run_ids = st.lists(st.text(min_size=1), unique=True, max_size=30)
shards = st.integers(1, 8).flatmap(
    lambda count: st.builds(Shard, index=st.integers(0, count - 1), count=st.just(count))
)


@given(run_ids, st.integers(1, 8))
def test_every_run_is_in_exactly_one_shard(ids, count):
    parts = [jobs_of_shard(ids, Shard(index=index, count=count)) for index in range(count)]
    assert sorted(chain.from_iterable(parts)) == sorted(ids)


@given(run_ids, run_ids, shards)
def test_a_shard_keeps_its_runs_and_their_order_when_others_come_or_are_finished(ids, more, shard):
    grown = [*more, *(run for run in ids if run not in more)]
    assert [run for run in jobs_of_shard(grown, shard) if run in ids] == [
        run for run in grown if run in jobs_of_shard(ids, shard)
    ]


def test_shards_are_the_same_on_every_machine_and_of_similar_size():
    ids = [f"dose_80_fold{k % 5}_seed{k // 5}" for k in range(1000)]
    sizes = [len(jobs_of_shard(ids, Shard(index=index, count=4))) for index in range(4)]
    assert sizes == [271, 243, 248, 238]  # computed once: SHA-256 knows no machine


def test_an_index_outside_is_refused():
    with pytest.raises(ValidationError, match="index 4 is not one of 4 shards"):
        Shard(index=4, count=4)
