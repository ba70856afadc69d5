#!/usr/bin/env python3
"""many.py N FILE [PREFIX]: the first record of a stream N times, with the ids PREFIX0000, PREFIX0001, ..., and an origin."""
import sys
import msgpack

n, path = int(sys.argv[1]), sys.argv[2]
prefix = sys.argv[3] if len(sys.argv) > 3 else "t"
first = next(msgpack.Unpacker(open(path, "rb"), strict_map_key=False, max_buffer_size=1 << 30))
first.pop("xxh64", None)  # the head's sum would no longer be right
for i in range(n):
    first["id"], first["index"], first["meta"]["input"] = f"{prefix}{i:04}", i, f"{i:032}"
    sys.stdout.buffer.write(msgpack.packb(first))
sys.stdout.buffer.write(msgpack.packb(dict(boltzpipe=1, kind="end", id="", index=n, meta={"count": n}, tensors={}, trail=[])))
