#!/usr/bin/env python3
"""The trunk's heavy ops in plain PyTorch, bf16 matrix products as autocast makes them: times, and the error against the same in fp32.
Shapes, weights and inputs are distributed as in tests/ops/cases_heavy.c, whose `bench -p bf16` lines these are to be read beside."""
import sys
import torch
import torch.nn.functional as F

C, HEADS, D, HIDDEN = 128, 4, 32, 512
dev = "cuda"


def weights():
    def w(n, k):
        return torch.randn(n, k, device=dev) / k ** 0.5

    def vec(n, mean):
        return mean + 0.2 * torch.randn(n, device=dev)
    W = {k: w(C, C) for k in "qkvgoPG"}
    W.update(bias=w(HEADS, C), p_in=w(2 * C, C), g_in=w(2 * C, C), fc1=w(HIDDEN, C), fc2=w(HIDDEN, C), fc3=w(C, HIDDEN))
    W.update(nw=vec(C, 1), nb=vec(C, 0), ow=vec(C, 1), ob=vec(C, 0), mw=torch.ones(64, device=dev), mb=torch.zeros(64, device=dev))
    W.update({"s" + e: w(384, 384) for e in "qkvgo"}, heads=w(16, C), a=w(32, 64), b=w(32, 64), po=w(C, 1024), pm=w(256, 64), pg=w(256, 64),
             pz=w(8, C), pw=w(64, 256))
    return W


def norm(x, w, b):  # autocast: layer norm in fp32
    return F.layer_norm(x.float(), (C,), w, b, 1e-5)


def tri_attn(x, W, mask, ending, fused):
    n = x.shape[0]
    y = norm(x.transpose(0, 1) if ending else x, W["nw"], W["nb"])
    q, k, v = (F.linear(y, W[e]).view(n, n, HEADS, D).transpose(1, 2) for e in "qkv")
    bias = F.linear(y, W["bias"]).permute(2, 0, 1)[None]
    m = (1e9 * (mask[:, None] * mask[None] - 1))[:, None, None, :]
    if fused:
        o = F.scaled_dot_product_attention(q, k, v, attn_mask=(bias + m).to(q.dtype))
    else:
        s = torch.matmul(q * D ** -0.5, k.transpose(-1, -2))
        s = s + m.to(s.dtype)
        s = s + bias
        o = torch.matmul(torch.softmax(s, -1).to(v.dtype), v)
    o = o.transpose(1, 2).reshape(n, n, HEADS * D) * torch.sigmoid(F.linear(y, W["g"]))
    o = F.linear(o, W["o"])
    return x + (o.transpose(0, 1) if ending else o)


def tri_mul(x, W, mask, incoming, _):
    y = norm(x, W["nw"], W["nb"])
    ab = F.linear(y, W["p_in"]) * torch.sigmoid(F.linear(y, W["g_in"])) * (mask[:, None] * mask[None])[..., None].to(x.dtype)
    a, b = ab.chunk(2, -1)
    s = torch.einsum("kic,kjc->ijc" if incoming else "ikc,jkc->ijc", a, b)
    return x + F.linear(norm(s, W["ow"], W["ob"]), W["P"]) * torch.sigmoid(F.linear(y, W["G"]))


def transition(x, W, mask, _, __):
    y = norm(x, W["nw"], W["nb"])
    return x + F.linear(F.silu(F.linear(y, W["fc1"])) * F.linear(y, W["fc2"]), W["fc3"])


def pair_bias(z, W, mask, _, __):
    return F.linear(norm(z, W["nw"], W["nb"]), W["heads"]).permute(2, 0, 1).float().contiguous()


def attn_pair_bias(s, W, mask, bias, __):  # upstream leaves the single representation in fp32
    n, c = s.shape
    with torch.autocast("cuda", enabled=False):
        q, k, v = (F.linear(s, W["s" + e]).view(n, 16, c // 16).transpose(0, 1) for e in "qkv")
        p = torch.softmax(q @ k.transpose(1, 2) / (c // 16) ** 0.5 + bias, -1)
        o = (p @ v).transpose(0, 1).reshape(n, c) * torch.sigmoid(F.linear(s, W["sg"]))
        return s + F.linear(o, W["so"])


def outer_product_mean(m, W, mask, z, __):
    y = F.layer_norm(m, (64,), W["mw"], W["mb"], 1e-5)
    a, b = F.linear(y, W["a"]), F.linear(y, W["b"])
    o = torch.einsum("sic,sjd->ijcd", a.float(), b.float())
    return z + F.linear(o.flatten(2) / m.shape[0], W["po"])


def pair_weighted_average(m, W, mask, z, __):
    s, n, _ = m.shape
    y = F.layer_norm(m, (64,), W["mw"], W["mb"], 1e-5)
    v = F.linear(y, W["pm"]).view(s, n, 8, 32).permute(2, 0, 1, 3)
    w = torch.softmax(F.linear(norm(z, W["nw"], W["nb"]), W["pz"]).permute(2, 0, 1), -1)
    o = torch.einsum("hij,hsjd->hsid", w, v).permute(1, 2, 0, 3).reshape(s, n, 256)
    return m + F.linear(o * torch.sigmoid(F.linear(y, W["pg"])), W["pw"])


def ms(f):
    for _ in range(3):
        f()
    times = []
    for _ in range(10):
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        a.record()
        f()
        b.record()
        torch.cuda.synchronize()
        times.append(a.elapsed_time(b))
    return min(times)


torch.manual_seed(1)
torch.backends.cuda.matmul.allow_tf32 = False
print(torch.cuda.get_device_name(), torch.__version__)
CASES = [("tri_attn", tri_attn, "starting", False, False), ("tri_attn", tri_attn, "ending", True, False),
         ("tri_attn", tri_attn, "starting, sdpa", False, True), ("tri_mul", tri_mul, "outgoing", False, False),
         ("tri_mul", tri_mul, "incoming", True, False), ("transition", transition, "", False, False)]
with torch.no_grad():
    W = weights()
    for n in [int(a) for a in sys.argv[1:]] or [72, 256, 512, 1024]:
        x = torch.randn(n, n, C, device=dev)
        mask = (torch.rand(n, device=dev) < 0.75).float()
        for name, f, label, way, fused in CASES:
            try:
                with torch.autocast("cuda", torch.bfloat16, cache_enabled=True):
                    t = ms(lambda: f(x, W, mask, way, fused))
                    got = f(x, W, mask, way, fused) - x if n < 200 else None
                e = ""
                if n < 200:
                    ref = f(x, W, mask, way, False)
                    base = ref - x if label in ("ending", "incoming") else ref  # as the cases do: in place or not
                    e = "error %.2e" % (((got - (ref - x)).norm() / base.norm()).item())
                print(f"{name:12} torch bf16 {t:9.3f} ms  n={n} {label} {e}", flush=True)
            except torch.OutOfMemoryError:
                print(f"{name:12} torch bf16 out of memory  n={n} {label}", flush=True)
            torch.cuda.empty_cache()
        if n < 200:
            continue
        msa = torch.randn(64 if n == 256 else 128, n, 64, device=dev)
        for name, f, a, b in (("pair_bias", pair_bias, x, None), ("attn_pair_bias", attn_pair_bias, torch.randn(n, 384, device=dev), torch.randn(16, n, n, device=dev)),
                              ("outer_product_mean", outer_product_mean, msa, x), ("pair_weighted_average", pair_weighted_average, msa, x)):
            with torch.autocast("cuda", torch.bfloat16, cache_enabled=True):
                print(f"{name:22} torch bf16 {ms(lambda: f(a, W, mask, b, False)):9.3f} ms  n={n}", flush=True)
            torch.cuda.empty_cache()
