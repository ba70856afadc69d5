"""guide_fits.py BIN REFERENCE: what chi2_reduced of the measured curves of REFERENCE (a folder with structures/, curves/ and
NAME.json, see bench/guide.md) guide-saxs finds for their structures, beside AUSAXS (when pyausaxs is installed) and beside what
the reference says of both. Each program gets the same points. A table in Markdown; bench/guide.sh calls it."""
import json, os, pathlib, subprocess, sys, tempfile

CASES = [("lyz", None), ("lyz", "lysozyme_2epe.dat"), ("mpro_dimer", None), ("nup133", None), ("nup133_fill", None), ("sam1", None)]
LEVELS = [("vacuum", ["--model", "vacuum"]), ("excluded", ["--model", "excluded"]), ("hydration, c2", []), ("hydration, c1 c2", ["--fit-c1"])]


def numbers(line):
    try:
        return [float(f) for f in line.replace(",", " ").split()[:3]]
    except ValueError:
        return []


def curve(path, unit, every, to):
    """the rows that the reference uses: I and sigma finite, q up to 0.5 1/A, one of `every`"""
    rows = [r for r in map(numbers, open(path, errors="replace")) if len(r) == 3]
    rows = [(r[0] / (10 if unit == "nm" else 1), r[1], r[2]) for r in rows if r[0] > 0 and r[2] > 0]
    rows = [r for r in rows if r[0] <= 0.5][::every]
    with open(to, "w") as f:
        f.writelines("%.9g %.9g %.9g\n" % r for r in rows)
    return len(rows)


def ours(binary, data, structure, options):
    out = subprocess.run([os.path.join(binary, "guide-saxs"), "-q", "--data", data, *options, structure],
                         capture_output=True, text=True, check=True).stdout
    return json.loads(out.splitlines()[0])["chi2_reduced"]


def ausaxs(data, structure, model):
    """in a process of its own: settings stay where they are made"""
    code = """import sys, pyausaxs as a
a.settings.general(threads=1, offline=True, verbose=False)
a.settings.exv(exv_model=getattr(a.ExvModel, sys.argv[3]))
a.settings.molecule(exv_table=a.ExvTable.traube)
a.settings.set("allow_unknown_residues", "true")
m = a.create_molecule(sys.argv[1]); m.hydrate(); f = m.fit(sys.argv[2])
f = f.fit if callable(getattr(f, "fit", None)) else f
print("chi2", f.chi2_reduced() if callable(getattr(f, "chi2_reduced", None)) else f.chi2() / f.dof())"""
    r = subprocess.run([sys.executable, "-c", code, structure, data, model], capture_output=True, text=True)
    found = [l.split()[1] for l in r.stdout.splitlines() if l.startswith("chi2 ")]
    if not found:
        raise RuntimeError((r.stderr.strip().splitlines() or ["it printed nothing"])[-1])
    return float(found[0])


def main(binary, reference):
    reference = pathlib.Path(reference)
    print("| structure, curve | points | " + " | ".join(l for l, _ in LEVELS) + " | AUSAXS simple / fraser |")
    print("|---" * (len(LEVELS) + 3) + "|")
    try:
        import pyausaxs
    except ImportError:
        pyausaxs = None
        print("skipped: AUSAXS: no pyausaxs in this Python", file=sys.stderr)
    with tempfile.TemporaryDirectory() as tmp:
        for name, other in CASES:
            about = json.load(open(reference / f"{name}.json"))
            path = reference / "curves" / other if other else reference / about["curve"]
            unit = json.load(open(reference / "curves.json")).get(path.name, {}).get("q_unit", "A")
            data = os.path.join(tmp, "curve.dat")
            n = curve(path, unit, 1 if other else about["curve_every"], data)
            structure = str(reference / about["structure"])
            row = ["%.3g" % ours(binary, data, structure, o) for _, o in LEVELS]
            there = "-"
            if pyausaxs:
                try:
                    there = " / ".join("%.3g" % ausaxs(data, structure, m) for m in ("simple", "fraser"))
                except RuntimeError as e:
                    print(f"skipped: AUSAXS: {name}: {e}", file=sys.stderr)
            print(f"| {name} ({about['n_atoms']} atoms), {path.name} | {n} | " + " | ".join(row) + f" | {there} |", flush=True)


main(*sys.argv[1:3])
