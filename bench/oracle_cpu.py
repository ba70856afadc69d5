#!/usr/bin/env python3
"""oracle_cpu.py --weights FILE --features STREAM [--threads N --steps N --samples N --recycling N]

Seconds that upstream's Boltz2 (package boltz, PyTorch, float32, CPU) takes for the first record of a features stream,
by stage; bench/cpu.sh calls it.  The weights file has the model's keyword arguments in its metadata, key `config`.
Needs boltz and msgpack.  Prints one line each: `cold S` (from $BENCH_START, or this program's start, to the end of the
first prediction: imports, building the model and reading weights included), then for a second prediction `trunk S`,
`diffuse S`, `confidence S`, `all S`."""
import argparse, json, os, sys, time

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


def text(x):
    return x.decode() if isinstance(x, bytes) else x


def features(path):
    """the first features record as the dict that upstream's model takes"""
    with open(path, "rb") as f:
        for rec in msgpack.Unpacker(f, raw=False, strict_map_key=False, max_buffer_size=0):
            if rec["kind"] == "features":
                break
        else:
            sys.exit(f"{path}: no features record")
    arrays = {}
    for name, t in rec["tensors"].items():
        t = {text(k): v for k, v in t.items()}
        data = b"".join(t["parts"]) if "parts" in t else t["data"]
        arrays[name] = np.frombuffer(data, np.dtype(text(t["type"]))).reshape(t["shape"])
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


def build(path):
    import boltz.main  # noqa: F401 - what upstream's command loads before it does anything
    from boltz.model.models.boltz2 import Boltz2
    from safetensors import safe_open
    with safe_open(path, "pt") as f:
        config = (f.metadata() or {}).get("config")
        if not config:
            sys.exit(f"{path}: no config in its metadata")
        weights = {k: f.get_tensor(k).float() for k in f.keys()}
    m = Boltz2(**json.loads(config), training_args={}, validation_args={}, validate_structure=False,
               diffusion_loss_args={}, steering_args=dict(STEERING), predict_args=None)
    m.load_state_dict(weights, strict=True)
    return m.eval()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--weights", required=True); ap.add_argument("--features", required=True)
    ap.add_argument("--threads", type=int, default=0); ap.add_argument("--steps", type=int, default=200)
    ap.add_argument("--samples", type=int, default=1); ap.add_argument("--recycling", type=int, default=0)
    a = ap.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.set_grad_enabled(False)
    m, feats, at = build(a.weights), features(a.features), {}

    def stamp(name):
        def hook(*_):
            at[name] = time.perf_counter()
        return hook

    m.diffusion_conditioning.register_forward_pre_hook(stamp("trunk"))
    m.confidence_module.register_forward_pre_hook(stamp("diffuse"))
    m.confidence_module.register_forward_hook(stamp("confidence"))

    def predict():
        torch.manual_seed(0)
        start = time.perf_counter()
        m(dict(feats), recycling_steps=a.recycling, num_sampling_steps=a.steps, diffusion_samples=a.samples,
          max_parallel_samples=5, run_confidence_sequentially=True)
        return start

    predict()
    print(f"cold {time.time() - START:.4f}")
    start = predict()
    for stage, before in ("trunk", start), ("diffuse", at["trunk"]), ("confidence", at["diffuse"]):
        print(f"{stage} {at[stage] - before:.4f}")
    print(f"all {at['confidence'] - start:.4f}")


if __name__ == "__main__":
    main()
