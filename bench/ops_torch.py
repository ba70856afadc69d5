"""Times of the optimized CPU rows beside PyTorch's, same shapes, same number of threads.

    make build/release/tests/ops/test_check
    python bench/ops_torch.py [threads] > bench/ops_cpu.md

Needs torch. Each op is written here as upstream's layers write it (boltz 2.2.1, without its residual addition, which ours includes); the best
of several runs counts, ours and PyTorch's in turns. The shapes are the timed ones of tests/ops/cases_*.c, recognised by their labels.
"""
import re
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 2
CHECK = "build/release/tests/ops/test_check"
OPS = ("linear layer_norm transition tri_mul tri_attn attn_pair_bias pair_bias outer_product_mean pair_weighted_average "
       "pair_head binned_mean atom_attention ada_cond ada_ln cond_transition").split()


def r(*shape):
    return torch.randn(*shape)


def ln(x, w=None, b=None):
    return F.layer_norm(x, x.shape[-1:], w, b)


def affine(c):
    return r(c), r(c)


def linear(rows, k, n):
    x, w = r(rows, k), r(n, k)
    nw, nb = affine(k)
    norm = (rows, k) != (214 * 214, 64)  # as the case has it
    return lambda: F.linear(ln(x, nw, nb) if norm else x, w)


def layer_norm(rows, c):
    x, (w, b) = r(rows, c), affine(c)
    return lambda: ln(x, w, b)


def transition(rows, c, hidden):
    x, (w, b), f1, f2, f3 = r(rows, c), affine(c), r(hidden, c), r(hidden, c), r(c, hidden)

    def f():
        y = ln(x, w, b)
        return F.linear(F.silu(F.linear(y, f1)) * F.linear(y, f2), f3)
    return f


def tri_mul(n, c, incoming):
    x, mask, (w, b), (ow, ob) = r(1, n, n, c), torch.ones(1, n, n), affine(c), affine(c)
    pi, gi, po, go = r(2 * c, c), r(2 * c, c), r(c, c), r(c, c)

    def f():
        y = ln(x, w, b)
        p = F.linear(y, pi) * F.linear(y, gi).sigmoid() * mask.unsqueeze(-1)
        a, bb = torch.chunk(p, 2, dim=-1)
        s = torch.einsum("bkid,bkjd->bijd" if incoming else "bikd,bjkd->bijd", a, bb)
        return F.linear(ln(s, ow, ob), po) * F.linear(y, go).sigmoid()
    return f


def tri_attn(n, c, heads, ending):
    x, mask, (w, b) = r(1, n, n, c), torch.ones(1, n, n), affine(c)
    hd = heads * 32
    wb, wq, wk, wv, wg, wo = r(heads, c), r(hd, c), r(hd, c), r(hd, c), r(hd, c), r(c, hd)

    def f():
        y = ln(x.transpose(-2, -3) if ending else x, w, b)
        mb = (1e9 * (mask - 1))[..., :, None, None, :]
        tb = F.linear(y, wb).permute(0, 3, 1, 2).unsqueeze(-4)
        q, k, v = (F.linear(y, m).view(1, n, n, heads, 32).transpose(-2, -3) for m in (wq, wk, wv))
        a = torch.matmul(q / 32 ** 0.5, k.transpose(-1, -2))
        a += mb
        a += tb
        o = torch.matmul(torch.softmax(a, -1), v).transpose(-2, -3)
        g = F.linear(y, wg).sigmoid().view(1, n, n, heads, 32)
        o = F.linear((o * g).reshape(1, n, n, hd), wo)
        return o.transpose(-2, -3) if ending else o
    return f


def attn_pair_bias(b, n, c, heads):
    x, z, mask = r(b, n, c), r(1, heads, n, n), torch.ones(b, n)
    wq, bq, wk, wv, wg, wo, d = r(c, c), r(c), r(c, c), r(c, c), r(c, c), r(c, c), c // heads

    def f():
        q, k, v = (F.linear(x, m, e).view(b, n, heads, d) for m, e in ((wq, bq), (wk, None), (wv, None)))
        g = F.linear(x, wg).sigmoid()
        a = torch.einsum("bihd,bjhd->bhij", q, k) / d ** 0.5 + z
        a = (a + (1 - mask[:, None, None]) * -1e6).softmax(-1)
        return F.linear(g * torch.einsum("bhij,bjhd->bihd", a, v).reshape(b, n, c), wo)
    return f


def atom_attention(b, atoms, c, heads):
    nw, d = atoms // 32, c // heads
    x, z, mask = r(b, atoms, c), r(b * nw, heads, 32, 128), torch.ones(b * nw, 128)
    wq, bq, wk, wv, wg, wo = r(c, c), r(c), r(c, c), r(c, c), r(c, c), r(c, c)
    keys = torch.zeros(2 * nw, 8 * nw)  # indexing matrix of get_indexing_matrix: 8 half windows a window
    for w in range(nw):
        for j in range(8):
            if 0 <= 2 * w - 3 + j < 2 * nw:
                keys[2 * w - 3 + j, 8 * w + j] = 1

    def f():
        q = x.view(b * nw, 32, c)
        kin = torch.einsum("bjid,jk->bkid", x.view(b, 2 * nw, 16, c), keys).reshape(b * nw, 128, c)
        qq, k, v = F.linear(q, wq, bq), F.linear(kin, wk), F.linear(kin, wv)
        g = F.linear(q, wg).sigmoid()
        a = torch.einsum("bihd,bjhd->bhij", qq.view(-1, 32, heads, d), k.view(-1, 128, heads, d)) / d ** 0.5 + z
        a = (a + (1 - mask[:, None, None]) * -1e6).softmax(-1)
        return F.linear(g * torch.einsum("bhij,bjhd->bihd", a, v.view(-1, 128, heads, d)).reshape(-1, 32, c), wo)
    return f


def pair_bias(rows, c, heads, layers):
    x, ws = r(rows, c), [(affine(c), r(heads, c)) for _ in range(layers)]
    return lambda: torch.cat([F.linear(ln(x, *n), w) for n, w in ws], -1)


def outer_product_mean(s, n, c, hidden, cz):
    m, mask, (w, b), wa, wb, wo, bo = r(1, s, n, c), torch.ones(1, s, n, 1), affine(c), r(hidden, c), r(hidden, c), \
        r(cz, hidden * hidden), r(cz)

    def f():
        y = ln(m, w, b)
        a, bb = F.linear(y, wa) * mask, F.linear(y, wb) * mask
        count = (mask[:, :, None, :] * mask[:, :, :, None]).sum(1).clamp(min=1)
        z = torch.einsum("bsic,bsjd->bijcd", a, bb).reshape(1, n, n, -1) / count
        return F.linear(z, wo, bo)
    return f


def pair_weighted_average(s, n, c, cz, heads, d):
    m, z, mask, nm, nz = r(1, s, n, c), r(1, n, n, cz), torch.ones(1, n, n), affine(c), affine(cz)
    pm, pg, pz, po = r(heads * d, c), r(heads * d, c), r(heads, cz), r(c, heads * d)

    def f():
        y, zz = ln(m, *nm), ln(z, *nz)
        v = F.linear(y, pm).reshape(1, s, n, heads, d).permute(0, 3, 1, 2, 4)
        w = torch.softmax(F.linear(zz, pz).permute(0, 3, 1, 2) + (1 - mask[:, None]) * -1e6, -1)
        g = F.linear(y, pg).sigmoid()
        o = torch.einsum("bhij,bhsjd->bhsid", w, v).permute(0, 2, 3, 1, 4).reshape(1, s, n, heads * d)
        return F.linear(g * o, po)
    return f


def pair_head(n, c, bins, symmetric, chains):
    z, w, w2, same = r(1, n, n, c), r(bins, c), r(bins, c), (torch.rand(1, n, n, 1) < 0.5).float()

    def f():
        x = z + z.transpose(1, 2) if symmetric else z
        return F.linear(x, w) * same + F.linear(x, w2) * (1 - same) if chains else F.linear(x, w)
    return f


def binned_mean(rows, bins, tables):
    x, v = r(rows, bins), r(tables, bins)

    def f():  # upstream takes the softmax anew for each table
        return [torch.sum(torch.softmax(x, -1) * v[t], -1) for t in range(tables)]
    return f


def ada_ln(b, rows, c):
    a, scale, shift = r(b, rows, c), r(rows, c), r(rows, c)
    return lambda: scale * ln(a) + shift


def ada_cond(rows, cs, c, layers=1):
    s, ws = r(rows, cs), [(r(cs), r(c, cs), r(c), r(c, cs), r(c, cs), r(c)) for _ in range(2 * layers)]

    def f():
        return [(F.linear(ln(s, w), sw, sb).sigmoid(), F.linear(ln(s, w), bw), F.linear(s, gw, gb).sigmoid())
                for w, sw, sb, bw, gw, gb in ws]
    return f


def cond_transition(b, rows, c, hidden):
    x, gate, sg, ab, ba = r(b, rows, c), r(rows, c), r(2 * hidden, c), r(hidden, c), r(c, hidden)

    def f():
        v, g = F.linear(x, sg).chunk(2, -1)
        return gate * F.linear(F.silu(g) * v * F.linear(x, ab), ba)
    return f


def best(f):
    clock = time.process_time if THREADS == 1 else time.perf_counter  # test_check does the same
    least, spent, calls = 1e9, 0, 0
    while calls < 3 or spent < 0.5:
        t = clock()
        f()
        t = clock() - t
        least, spent, calls = min(least, t), spent + t, calls + 1
    return least * 1e3


def theirs(op, label):
    args = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", label)}
    if op == "tri_mul":
        args["incoming"] = "incoming" in label
    if op == "tri_attn":
        args["ending"] = "ending" in label
    if op == "pair_head":
        args.update(symmetric="symmetric" in label, chains="chains" in label)
    with torch.no_grad():
        return best(globals()[op](**args))


def main():
    torch.set_num_threads(THREADS)
    cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read()).group(1)
    print(f"# The optimized CPU rows beside PyTorch {torch.__version__}: {THREADS} thread{'s' * (THREADS > 1)}, {cpu}\n")
    print(f"Made by bench/ops_torch.py {THREADS}: ms, best of several runs, {'processor' if THREADS == 1 else 'wall clock'} time.\n")
    print("| op | shape | ours | PyTorch | PyTorch / ours | our GFLOP/s | our scratch, MiB |\n|---|---|---|---|---|---|---|")
    for op in sys.argv[2:] or OPS:
        out = subprocess.run([CHECK, "bench", "-t", str(THREADS), "-v", "optimized", op], capture_output=True, text=True, check=True).stdout
        for line in out.splitlines():
            m = re.match(r"(\w+) +(\w+) +(\w+) +\w+ +([\d.]+) ms +([\d.]+) GFLOP/s +([\d.]+) MiB  (.*)", line)
            ours, label = float(m.group(4)), m.group(7)
            other = theirs(op, label)
            print(f"| {op} | {label} | {ours:.3f} | {other:.3f} | {other / ours:.2f} | {m.group(5)} | {m.group(6)} |", flush=True)


main()
