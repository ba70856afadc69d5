#!/usr/bin/env python3
"""make.py DIR: the checkpoints of this folder, with torch, omegaconf and safetensors. mixed.ckpt has what a loader may meet: views, shared
storages, every dtype, omegaconf containers, classes it does not know; mixed.safetensors what must come out. evil.ckpt calls os.system."""
import argparse, collections, json, os, pathlib, pickle, sys, zipfile
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

out = pathlib.Path(sys.argv[1])
g = torch.Generator().manual_seed(1)
base = torch.randn(6, 5, 4, generator=g)
state = collections.OrderedDict(
    dense=torch.randn(7, 3, generator=g),
    transposed=base.permute(2, 0, 1),
    slice=base[1:5:2, :, 1:3],
    tail=base.view(-1)[100:],
    shared_a=base[0], shared_b=base[0],
    parameter=torch.nn.Parameter(torch.randn(3, generator=g)),
    bf16=torch.randn(5, 3, generator=g).bfloat16(), f16=torch.randn(5, generator=g).half(), f64=torch.randn(2, 2, generator=g).double(),
    i64=torch.arange(-3, 4), i32=torch.arange(3, dtype=torch.int32), i16=torch.arange(3, dtype=torch.int16),
    i8=torch.arange(-2, 3, dtype=torch.int8), u8=torch.arange(5, dtype=torch.uint8), flag=torch.tensor([True, False, True]),
    scalar=torch.tensor(2.5), empty=torch.zeros(0, 4))
hyper = {
    "atom_s": 32, "rate": 1e-8, "name": "größe", "none": None, "yes": True, "pair": (1, -2**40),
    "nested": OmegaConf.create({"blocks": 2, "list": [1, {"deep": "x"}], "v2": True, "missing": None}),
    "list": OmegaConf.create([1, 2.5, "three"]),
    "path": pathlib.PurePosixPath("/a/b"), "space": argparse.Namespace(a=1), "function": os.path.join, "tensor": torch.ones(2),
}
expected = {"atom_s": 32, "rate": 1e-8, "name": "größe", "none": None, "yes": True, "pair": [1, -2**40],
    "nested": {"blocks": 2, "list": [1, {"deep": "x"}], "v2": True, "missing": None}, "list": [1, 2.5, "three"]}
ckpt = {"epoch": 3, "state_dict": state, "hyper_parameters": hyper, "ema": {"dense": state["dense"] + 1},
    "callbacks": {"x": collections.defaultdict(dict, a={1, 2})}, "device": torch.device("cpu"), "dtype": torch.float32}
torch.save(ckpt, out / "mixed.ckpt")
tensors = {k: v.detach().contiguous().clone() for k, v in state.items()}
tensors["f64"] = tensors["f64"].float()
save_file(tensors, out / "mixed.safetensors", {"hyper_parameters": json.dumps(expected)})


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/boltzpipe-evil-was-run",)


with zipfile.ZipFile(out / "evil.ckpt", "w") as z:
    z.writestr("archive/data.pkl", pickle.dumps({"state_dict": {}, "x": Evil()}, protocol=2))
