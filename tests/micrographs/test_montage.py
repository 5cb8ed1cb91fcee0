import numpy as np

from hrtem_shift.micrographs.montage import montage


def test_tiles_stand_row_by_row():
    tiles = [np.full((2, 3), k) for k in range(4)]
    whole = montage(tiles, 2)
    assert whole.shape == (4, 6)
    assert whole[::2, ::3].tolist() == [[0, 1], [2, 3]]
    assert (whole[:2, 3:] == 1).all() and (whole[2:, :3] == 2).all()
