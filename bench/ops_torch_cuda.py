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
    W.update(nw=vec(C, 1), nb=vec(C, 0), ow=vec(C, 1), ob=vec(C, 0))
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
