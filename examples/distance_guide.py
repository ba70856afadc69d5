#!/usr/bin/env python3
"""A guide for diffuse (doc/guides.md): the first and the last atom shall be 20 A apart. Needs pyzmq and msgpack-numpy.

    distance_guide.py tcp://127.0.0.1:6000 &    diffuse --guide tcp://127.0.0.1:6000 ...
"""
import sys
import msgpack, msgpack_numpy, numpy as np, zmq

sock = zmq.Context().socket(zmq.REP)
sock.bind(sys.argv[1])
while True:
    q = msgpack.unpackb(sock.recv(), object_hook=msgpack_numpy.decode)
    x = q["tensors"]["sample_atom_coords"]  # [samples, atoms, 3]
    if q["meta"].get("first"):  # a new target
        last = np.flatnonzero(q["tensors"]["atom_pad_mask"])[-1]
    d = x[:, last] - x[:, 0]
    r = np.linalg.norm(d, axis=1)
    gradient = np.zeros_like(x)
    gradient[:, last] = 2 * (r - 20)[:, None] * d / r[:, None]
    gradient[:, 0] = -gradient[:, last]
    reply = {"boltzpipe": 1, "kind": "guide_reply", "id": q["id"],
             "meta": {"request": q["meta"]["request"], "samples": [{"distance": float(v)} for v in r]},
             "tensors": {"energy": (r - 20) ** 2, "gradient": gradient}}
    sock.send(msgpack.packb(reply, default=msgpack_numpy.encode))
