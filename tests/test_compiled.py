"""Compilation with numba."""

import numba

from hrtem_shift.compiled import compiled


def test_without_any_cache_folder_a_function_is_compiled_in_memory(monkeypatch):
    """numba raises RuntimeError at import when it finds no place for its cache."""

    def njit(function=None, cache=False):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return function

    def square(x):
        return x * x

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled(square) is square
