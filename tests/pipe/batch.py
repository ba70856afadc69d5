#!/usr/bin/env python3
"""batch.py HOW <in >out: the first batch of a stream damaged, as another program might: member (one target's numbers), length (an axis), double (a name), id (none), empty."""
import struct, sys
import msgpack

done = False
for r in msgpack.Unpacker(sys.stdin.buffer, strict_map_key=False, max_buffer_size=1 << 30):
    if not done and "batch" in r["meta"]:
        done = True
        r.pop("xxh64")
        t, batch = r["tensors"], r["meta"]["batch"]
        how = sys.argv[1]
        if how == "member":
            x = next(v for k, v in t.items() if k == "profile")
            x.pop(b"xxh64")
            n = len(x[b"data"]) // 3
            x[b"data"] = x[b"data"][: 2 * n] + struct.pack("<f", float("inf")) + x[b"data"][2 * n + 4 :]
        elif how == "length":
            x = t["token_pad_mask"]
            x.pop(b"xxh64")
            x[b"shape"][0], x[b"data"] = 1, x[b"data"][: len(x[b"data"]) // 3]
        elif how == "double":
            batch[1]["id"] = batch[0]["id"]
        elif how == "id":
            del batch[1]["id"]
        else:
            r["meta"]["batch"] = []
    sys.stdout.buffer.write(msgpack.packb(r))
