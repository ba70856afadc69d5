#!/usr/bin/env python3
"""oracle.py --weights FILE [--device cpu|cuda] [--threads N --steps N --recycling N] FEATURES:SAMPLES...

Seconds that upstream's Boltz2 (package boltz, PyTorch) takes for the first record of each features stream, by stage; cpu.sh and
gpu.sh call it. On the CPU in float32; on a card as upstream's command does it, bf16 autocast, without the kernels of cuEquivariance.
The weights file has the model's keyword arguments in its metadata, key `config`. Needs boltz, torch and msgpack, or the folder that
mkoracle makes.  Prints one line each: `cold S` (from $BENCH_START, or this program's start, to the end of the first prediction:
imports, building the model and reading weights included), then for a second prediction of each stream `FEATURES:SAMPLES STAGE S`, with the
stages trunk, diffuse, confidence and all, and on a card `FEATURES:SAMPLES peak GIB`."""
import argparse, importlib.abc, importlib.machinery, json, os, sys, time, types

START = float(os.environ.get("BENCH_START", time.time()))

import msgpack
import numpy as np
import torch

STEERING = dict(fk_steering=False, num_particles=3, fk_lambda=4.0, fk_resampling_interval=3,
                physical_guidance_update=False, contact_guidance_update=False, num_gd_steps=20)
CLASSES = dict(res_type=33, ref_element=128, ref_atom_name_chars=64, atom_backbone_feat=17, contact_conditioning=5,
               template_restype=33, disto_target=64)
COLUMNS = dict(atom_to_token="tokens", token_to_rep_atom="atoms", r_set_to_rep_atom="atoms",
               token_to_center_atom="atoms")


class Missing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Empty stand-ins for packages that upstream's training uses and inference does not, where they are not installed"""
    roots = {"pytorch_lightning", "torchmetrics", "rdkit", "fairscale", "tqdm", "scipy", "einx", "frozendict"}

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.roots:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        class Anything(torch.nn.Module):
            def __init__(self, *args, **kw):
                super().__init__()

            def save_hyperparameters(self, *args, **kw):
                pass

        def attribute(name):
            if name.startswith("__"):
                raise AttributeError(name)
            return Anything

        m = types.ModuleType(spec.name)
        m.__getattr__ = attribute
        return m

    def exec_module(self, module):
        pass


sys.meta_path.append(Missing())


def text(x):
    return x.decode() if isinstance(x, bytes) else x


def record(path, kind):
    """the tensors of a stream's first record of this kind"""
    with open(path, "rb") as f:
        for rec in msgpack.Unpacker(f, raw=False, strict_map_key=False, max_buffer_size=0):
            if rec["kind"] == kind:
                break
        else:
            sys.exit(f"{path}: no {kind} record")
    arrays = {}
    for name, t in rec["tensors"].items():
        t = {text(k): v for k, v in t.items()}
        data = b"".join(t["parts"]) if "parts" in t else t["data"]
        arrays[name] = np.frombuffer(data, np.dtype(text(t["type"]))).reshape(t["shape"])
    return arrays


def features(path):
    """the first features record as the dict that upstream's model takes"""
    arrays = record(path, "features")
    size = dict(tokens=arrays["token_pad_mask"].shape[0], atoms=arrays["ref_pos"].shape[0])
    feats = {}
    for name, a in arrays.items():
        base, _, idx = name.partition("@")
        if idx:
            n = CLASSES.get(base) or size[COLUMNS[base]]
            a = (a[..., None] == np.arange(n)).astype(np.int64)
        elif a.dtype.kind in "iu":
            a = a.astype(np.int64)
        feats[base] = torch.from_numpy(np.array(a))[None]
    return feats


def safetensors(path):
    """metadata and tensors, without copies of the file"""
    data = np.memmap(path, np.uint8, "c")
    n = int(data[:8].view("<u8")[0])
    head = json.loads(bytes(data[8:8 + n]))
    metadata = head.pop("__metadata__", {})
    dtype = dict(F32=torch.float32, BF16=torch.bfloat16, F16=torch.float16)
    tensors = {}
    for k, t in head.items():
        a, b = t["data_offsets"]
        raw = data[8 + n + a:8 + n + b]
        raw = raw if (8 + n + a) % 4 == 0 else raw.copy()
        tensors[k] = torch.from_numpy(raw).view(dtype[t["dtype"]]).reshape(t["shape"]).float()
    return metadata, tensors


def build(path, device):
    try:
        import boltz.main  # noqa: F401 - what upstream's command loads before it does anything
    except ImportError as e:
        print(f"oracle.py: cold is without the imports of upstream's command: {e}", file=sys.stderr)
    import boltz.model.layers.initialize as init
    for name in dir(init):  # every parameter comes from the file: no random numbers before
        if name.endswith("_init_"):
            setattr(init, name, lambda *args, **kw: None)
    torch.nn.Linear.reset_parameters = lambda self: None
    from boltz.model.models.boltz2 import Boltz2
    metadata, weights = safetensors(path)
    if "config" not in metadata:
        sys.exit(f"{path}: no config in its metadata")
    m = Boltz2(**json.loads(metadata["config"]), training_args={}, validation_args={}, validate_structure=False, diffusion_loss_args={},
               steering_args=dict(STEERING), predict_args=None, use_kernels=False)
    m.load_state_dict(weights, strict=True)
    return m.eval().to(device)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--weights", required=True); ap.add_argument("--device", default="cpu")
    ap.add_argument("--threads", type=int, default=0); ap.add_argument("--steps", type=int, default=200)
    ap.add_argument("--recycling", type=int, default=0); ap.add_argument("run", nargs="+")
    a = ap.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.set_grad_enabled(False)
    torch.set_float32_matmul_precision("highest")
    card = a.device.startswith("cuda")
    m, at = build(a.weights, a.device), {}

    def now():
        if card:
            torch.cuda.synchronize()
        return time.perf_counter()

    def stamp(name):
        def hook(*_):
            at[name] = now()
        return hook

    m.diffusion_conditioning.register_forward_pre_hook(stamp("trunk"))
    m.confidence_module.register_forward_pre_hook(stamp("diffuse"))
    m.confidence_module.register_forward_hook(stamp("confidence"))

    def predict(feats, samples):
        torch.manual_seed(0)
        start = now()
        with torch.autocast("cuda", torch.bfloat16, enabled=card):
            m({k: v.to(a.device) for k, v in feats.items()}, recycling_steps=a.recycling, num_sampling_steps=a.steps,
              diffusion_samples=samples, max_parallel_samples=5, run_confidence_sequentially=True)
        return start

    for i, run in enumerate(a.run):
        path, _, samples = run.rpartition(":")
        feats = features(path)
        try:
            predict(feats, int(samples))
            if i == 0:
                print(f"cold {time.time() - START:.4f}", flush=True)
            if card:
                torch.cuda.reset_peak_memory_stats()
            start = predict(feats, int(samples))
        except torch.cuda.OutOfMemoryError as e:
            print(f"oracle.py: {run}: {e}", file=sys.stderr)
            continue
        for stage, before in ("trunk", start), ("diffuse", at["trunk"]), ("confidence", at["diffuse"]):
            print(f"{run} {stage} {at[stage] - before:.4f}")
        print(f"{run} all {at['confidence'] - start:.4f}", flush=True)
        if card:
            print(f"{run} peak {torch.cuda.max_memory_allocated() / 2**30:.2f}", flush=True)


if __name__ == "__main__":
    main()
