#!/usr/bin/env python3
"""agree.py --weights FILE --features FILE --noise FILE [--device cuda] [--steps N --recycling N] NAME=FILE...

How far trunk records and structures made here are from those of upstream's Boltz2 (package boltz, PyTorch) with the same weights, features
and random numbers (`diffuse --record-noise`). Upstream runs twice, in float32 and as its command does on a card (bf16 autocast); both are compared
with its float32: ||x - ref|| / ||ref|| of s and z of trunk records, RMSD of the coordinates of structures in A (the noise is the same, so nothing is
superposed). Needs what oracle.py needs."""
import argparse, contextlib

from oracle import build, features, record, safetensors
import numpy as np
import torch


@contextlib.contextmanager
def injected(sampler, noise, device):
    """AtomDiffusion.sample draws these numbers"""
    import boltz.model.modules.diffusionv2 as D
    randn, augmentation, sample = torch.randn, D.compute_random_augmentation, sampler.sample
    at = dict(draw=0, pose=0)

    def draw(shape, **kw):
        x = noise["noise.init"] if at["draw"] == 0 else noise["noise.eps"][at["draw"] - 1]
        at["draw"] += 1
        assert tuple(x.shape) == tuple(shape)
        return x.to(device)

    def pose(*args, **kw):
        i = at["pose"]
        at["pose"] += 1
        return noise["noise.R"][i].to(device), noise["noise.tr"][i].to(device)

    def sampled(*args, **kw):
        torch.randn = draw
        try:
            return sample(*args, **kw)
        finally:
            torch.randn = randn

    D.compute_random_augmentation, sampler.sample = pose, sampled
    try:
        yield
    finally:
        D.compute_random_augmentation = augmentation
        del sampler.sample


def main():
    ap = argparse.ArgumentParser()
    for name in "weights", "features", "noise":
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--device", default="cuda"); ap.add_argument("--steps", type=int, default=200)
    ap.add_argument("--recycling", type=int, default=3); ap.add_argument("ours", nargs="+")
    a = ap.parse_args()
    torch.set_grad_enabled(False)
    torch.set_float32_matmul_precision("highest")
    m = build(a.weights, a.device)
    feats = {k: v.to(a.device) for k, v in features(a.features).items()}
    noise = safetensors(a.noise)[1]
    atoms = feats["atom_pad_mask"][0].bool().cpu().numpy()
    trunk = {}
    m.diffusion_conditioning.register_forward_pre_hook(
        lambda _, args, kw: trunk.update(s=kw["s_trunk"], z=kw["z_trunk"]), with_kwargs=True)

    def run(autocast):
        with injected(m.structure_module, noise, a.device), torch.autocast("cuda", torch.bfloat16, enabled=autocast):
            out = m(dict(feats), recycling_steps=a.recycling, num_sampling_steps=a.steps,
                    diffusion_samples=noise["noise.init"].shape[0], run_confidence_sequentially=True)
        return dict(s=trunk["s"][0], z=trunk["z"][0], x=out["sample_atom_coords"])

    def numpy(t):
        return {k: v.double().cpu().numpy() for k, v in t.items()}

    ref = numpy(run(False))

    def tell(name, t):
        for k in "s", "z":
            if k in t:
                print(f"{name}: {k} {np.linalg.norm(t[k] - ref[k]) / np.linalg.norm(ref[k]):.2e}")
        if "x" in t:
            d2 = ((t["x"] - ref["x"])[:, atoms] ** 2).sum(-1)
            size = ref["x"][:, atoms] - ref["x"][:, atoms].mean(1, keepdims=True)
            print(f"{name}: RMSD {np.sqrt(d2.mean(1)).max():.2e} A, of a radius of {np.sqrt((size ** 2).sum(-1).mean()):.0f} A", flush=True)

    tell("upstream in bf16", numpy(run(True)))
    for arg in a.ours:
        name, _, path = arg.partition("=")
        if path.endswith(".trunk"):
            t = record(path, "trunk")
            tell(name, {k: t[k].astype(np.float64) for k in ("s", "z")})
        else:
            tell(name, dict(x=record(path, "structures")["sample_atom_coords"].astype(np.float64)))


if __name__ == "__main__":
    main()
