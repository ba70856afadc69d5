"""guide.py CURVE FILE...: what the same structures cost elsewhere, one thread, best CPU time of several: AUSAXS (when pyausaxs is installed), and
the dense Debye sum with autograd that the SAXS fork of upstream advertises (when PyTorch is). bench/guide.sh calls it; lines of its table."""
import os, sys, time

for k in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[k] = "1"


def best(f, repeats):
    t = []
    for _ in range(repeats):
        start = time.process_time()
        f()
        t.append(1e3 * (time.process_time() - start))
    return min(t)


def atoms(path):
    """element and place of the heavy atoms"""
    out = [(l[76:78].strip(), [float(l[k:k + 8]) for k in (30, 38, 46)]) for l in open(path) if l.startswith(("ATOM", "HETATM"))]
    return [a for a in out if a[0] not in ("H", "D")]


def ausaxs(path, curve):
    import pyausaxs
    pyausaxs.settings.general(threads=1, offline=True, verbose=False)
    q = [float(l.split()[0]) for l in open(curve) if l[:1] != "#"]
    for model in ("simple", "fraser"):
        mol = pyausaxs.create_molecule(path)
        exv = getattr(pyausaxs.ExvModel, model)
        pyausaxs.settings.exv(exv_model=exv)
        mol.debye(q)
        yield f"AUSAXS {pyausaxs_version()} {model}, profile without water", best(lambda: mol.debye(q), 5), None


def pyausaxs_version():
    from importlib.metadata import version
    return version("pyausaxs")


def dense(path, points):
    import torch
    torch.set_num_threads(1)
    a = atoms(path)
    z = torch.tensor([dict(C=6.0, N=7.0, O=8.0, S=16.0, P=15.0).get(e, 6.0) for e, _ in a])
    x0 = torch.tensor([p for _, p in a])
    q = torch.linspace(0.005, 0.5, points)
    data = torch.exp(-q * q * 60)

    def run():
        x = x0.clone().requires_grad_(True)
        f = z[None] * torch.exp(-0.2 * q[:, None] ** 2)
        r = torch.sqrt(((x[:, None] - x[None]) ** 2).sum(-1) + 1e-12)
        t = q[:, None, None] * r[None]
        I = (f[:, :, None] * f[:, None, :] * torch.sin(t) / t).sum((1, 2))
        scale = (I * data).sum() / (I * I).sum()
        chi2 = ((data - scale * I) ** 2 / (0.01 * data) ** 2).sum()
        chi2.backward()
        return x.grad

    return f"PyTorch {torch.__version__}, dense Debye with autograd, fp32, {points} points", None, best(run, 2)


for path in sys.argv[2:]:
    n, rows = len(atoms(path)), []
    try:
        rows += list(ausaxs(path, sys.argv[1]))
    except ImportError:
        print("skipped: AUSAXS: no pyausaxs in this Python", file=sys.stderr)
    except Exception as e:
        print(f"skipped: AUSAXS: {e}", file=sys.stderr)
    if n < 1500:  # 10 arrays of points x atoms x atoms
        try:
            rows.append(dense(path, 25))
        except ImportError:
            print("skipped: no PyTorch in this Python", file=sys.stderr)
    for what, profile, gradient in rows:
        print(f"| {n} | {what} | | | {'' if profile is None else f'{profile:.2f}'} | {'' if gradient is None else f'{gradient:.2f}'} |", flush=True)
