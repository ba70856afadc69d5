# close.py DIR DIR: the .npz files of both folders have the same names, shapes and, to 1e-3, numbers
import os
import sys

import numpy as np

names = sorted(n for n in os.listdir(sys.argv[1]) if n.endswith(".npz"))
assert names and names == sorted(n for n in os.listdir(sys.argv[2]) if n.endswith(".npz")), names
for n in names:
    a, b = (np.load(os.path.join(d, n)) for d in sys.argv[1:])
    for k in a.files:
        assert a[k].shape == b[k].shape, (n, k, a[k].shape, b[k].shape)
        assert np.all(np.abs(a[k] - b[k]) <= 1e-3), (n, k, np.abs(a[k] - b[k]).max())
