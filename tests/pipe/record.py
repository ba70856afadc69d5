#!/usr/bin/env python3
"""record.py GOLDEN OUT: the recorded streams of this folder, from golden/features and golden/write.
Needs numpy, msgpack, msgpack-numpy, safetensors. Run with versions 1.26.4, 1.2.4, 0.4.8, 0.8 when they were made; not needed for the tests."""
import json, pathlib, sys
import msgpack, msgpack_numpy, numpy as np
from safetensors.numpy import load_file

golden, out = map(pathlib.Path, sys.argv[1:])
SCORES = ("confidence_score", "complex_plddt", "complex_iplddt", "complex_pde", "complex_ipde", "ptm", "iptm", "ligand_iptm",
          "protein_iptm", "plddt", "pae", "pde", "pair_chains_iptm")
TOKEN = ("asym_id", "entity_id", "residue_index", "mol_type", "res_type@idx")
ATOM = ("atom_to_token@idx", "atom_pad_mask", "ref_element@idx", "ref_atom_name_chars@idx")


def structures(case, named=True, **more):
    given = load_file(golden / "write" / f"{case}.input.safetensors")
    feats = load_file(golden / "features" / f"{case}.safetensors")
    tensors = {k: given[k] for k in SCORES} | {k: feats[k][0] for k in TOKEN + ATOM}
    tensors["sample_atom_coords"] = given["coords"]
    tensors["sample_atom_coords"][0, 0, 0] = 1     # upstream's number there is too wide for a PDB file
    tensors["s"], tensors["z"] = given["s"][0], given["z"][0]
    meta = {}
    if named:
        j = json.load(open(golden / "features" / f"{case}.json"))
        meta = {t: dict(zip(j[t + "_columns"], map(list, zip(*j[t])))) for t in ("chains", "residues", "bonds")}
        meta["atoms"] = {"name": j["atoms"]}
    trail = [{"tool": "trunk", "seconds": 1.5}, {"tool": "diffuse", "seconds": 2.25}]
    return dict(boltzpipe=1, kind="structures", id=case, index=0, meta=meta, tensors=tensors, trail=trail) | more


def error(name):
    meta = dict(stage="trunk", message="no memory for 99999 tokens", hint="take a smaller target", code=-4)
    return dict(boltzpipe=1, kind="error", id=name, index=0, meta=meta, tensors={}, trail=[])


def stream(name, *records):
    with open(out / name, "wb") as f:
        for i, r in enumerate(records):
            f.write(msgpack.packb(r | {"index": i}, default=msgpack_numpy.encode))
        end = dict(boltzpipe=1, kind="end", id="", index=len(records), meta={"count": len(records)}, tensors={}, trail=[])
        f.write(msgpack.packb(end, default=msgpack_numpy.encode))


stream("order.bp", structures("order"))
stream("mixed.bp", structures("rna_mod"), error("too_big"), structures("affinity_small", named=False), structures("order", id="../order"))
