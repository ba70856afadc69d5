"""stream.py IN OUT: what a method developer's own stage does: read our stream with msgpack and msgpack-numpy, look at it, change
a record, add one made by hand, pass the rest on. Run by test_python.c, which reads OUT. Exit 77: a module is missing."""
import sys

try:
    import numpy as np
    import msgpack
    import msgpack_numpy
except ImportError as e:
    print(f"skipped: no {e.name.replace('_', '-')}")
    sys.exit(77)

DTYPES = "float32 float64 float16 bfloat16 int8 uint8 int16 uint16 int32 uint32 int64 uint64 bool".split()

with open(sys.argv[1], "rb") as f, open(sys.argv[2], "wb") as out:
    def put(rec):
        out.write(msgpack.packb(rec, default=msgpack_numpy.encode))

    count = 0
    for rec in msgpack.Unpacker(f, object_hook=msgpack_numpy.decode):
        assert rec["boltzpipe"] == 1
        if rec["kind"] == "end":
            assert rec["meta"]["count"] == count == 2
            rec["meta"]["count"] += 1
            msa = np.arange(12, dtype=np.int16).reshape(3, 4)
            put({"boltzpipe": 1, "kind": "features", "id": "by_hand", "tensors": {
                "msa": msa.T,  # not contiguous
                "token_pad_mask": np.ones(4, np.float32),
                "scalar": np.float64(1.5),
                "empty": np.zeros((0, 5), np.uint8),
            }})
            put(rec)
            continue
        assert rec["kind"] == "features" and rec["id"] == f"id{count}" and rec["index"] == count
        assert rec["meta"]["note"] == ["größe", None, True, -2**63, 2.5]
        assert rec["trail"][0]["tool"] == "test"
        for d, name in enumerate(DTYPES):
            t = rec["tensors"]["t_" + name]
            assert isinstance(t, np.ndarray) and t.shape == (2, 0 if name == "int8" else 3), (name, t.shape)
            assert t.dtype == ("uint16" if name == "bfloat16" else name), (name, t.dtype)
            raw = np.frombuffer(t.tobytes(), np.uint8)
            want = np.arange(raw.size) * 37 + d
            assert np.array_equal(raw, want % 2 if name == "bool" else want % 256), name
        assert rec["tensors"]["none"].shape == () and rec["tensors"]["none"] == 7
        if count == 1:
            rec["meta"]["changed"] = True
            rec["tensors"]["added"] = np.linspace(0, 1, 5)
        put(rec)
        count += 1
