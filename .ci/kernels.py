#!/usr/bin/env python3
"""kernels.py FOLDER [HEADER...]: what nvcc makes of the rules' kernels.

Compiles the rules of these headers, of all in optim/ without, into FOLDER: every format for one
architecture, and float32 for another. Then it reads what came out. No kernel contracts float32 into a
fused multiply-add, but for NVIDIA's pow. Those in float32 spill no register, and walk over whole vectors
by 16 bytes at a time; those of numbers that are kept in fewer bits may spill some (RMSprop's sweep 36
bytes). Both touch no other local memory, and know that all memory is global. The PTX and ptxas say that, and
once more the machine code, where there is an nvdisasm: on the PATH, beside nvcc, or in Python's triton."""
import concurrent.futures
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RULE = re.compile(r"^using \w+ = OptimizerOf<(rules::\w+)>;$", re.MULTILINE)
# -fmad=false for the bits of the loops.
OPTIONS = ["-std=c++20", "-O3", "-fmad=false", "--expt-relaxed-constexpr", "-DDESCENT_CUDA_TWIN=1",
           "-DDESCENT_KERNEL_FLAGS=1", "-I", ROOT / "include", "-Werror=all-warnings"]
ALL, FLOAT32 = 90, 80  # architectures
TOGETHER = 8  # headers in a file of few kernels: reading them takes longer than compiling
POWERS = ["5rules4FTRLELm1E"]  # in the mangled names of kernels that call pow: the form with lr_power

# Makes the kernels of a rule in float32 and no others.
IN_FLOAT32 = """
#include <descent/optim/engine/cuda/launches.h>
namespace descent::engine::cuda {
template <class R, std::size_t... F>
void use(std::index_sequence<F...>) {
  using L = typename decltype(loops_of<R>())::type;
  (form_launches<L, F, false, Plain<float>>(), ...);
  if constexpr (requires(typename R::Options o) { o.decay_mode; })
    (form_launches<L, F, true, Plain<float>>(), ...);
  if constexpr ((Text<R, F>::reads_twice || ...)) start_judge<R, float>({});
}
template <class R>
void use() {
  if constexpr (requires { typename R::template Coefficients<float>; })
    use<R>(std::make_index_sequence<forms_of<R>().size()>{});
}
}  // namespace descent::engine::cuda
"""


def nvcc(*arguments):
    """What nvcc and ptxas say."""
    made = subprocess.run(["nvcc", *map(str, arguments)], capture_output=True, text=True)
    if made.returncode:
        raise SystemExit(f"nvcc refuses {arguments[-1]}:\n{made.stdout}{made.stderr}")
    return made.stdout + made.stderr


def disassembler():
    """The path of nvdisasm, or None."""
    found = shutil.which("nvdisasm")
    beside = re.search(r"^#\$ _HERE_=(.*)$", nvcc("--dryrun", "-E", "-x", "cu", os.devnull),
                       re.MULTILINE)
    places = [pathlib.Path(beside[1])] if beside else []
    if triton := importlib.util.find_spec("triton"):
        places += [pathlib.Path(folder) / "backends/nvidia/bin"
                   for folder in triton.submodule_search_locations]
    return found or next((str(place / "nvdisasm") for place in places
                          if (place / "nvdisasm").exists()), None)


def readable(name):
    text = subprocess.run(["c++filt", name], check=True, capture_output=True, text=True).stdout
    return re.sub(r"descent::(engine::)?(cuda::)?", "", text.split("(")[0])


def is_float32(name):
    """Whether this is the mangled name of a kernel in float32."""
    return "5PlainIfE" in name or "4cuda5judge" in name and "EfEEv" in name


def is_mixed(name):
    return "5MixedE" in name


def walks(name):
    return "4cuda5judge" not in name


def writes_parameters(name):
    return walks(name) and "4cuda7measure" not in name


def entries_of(ptx):
    """(name, text) of each kernel of a PTX."""
    return re.findall(r"\.entry (\w+)\((.*?)\n}", ptx, re.DOTALL)


def ptx_faults(name, text):
    """What is wrong with a kernel in PTX."""
    in_float = not re.search(r"5PlainIdE|4cuda5judge", name)
    calls_pow = any(of in name for of in POWERS)
    if "fma.rn.f32" in text and not calls_pow:
        yield "contracts float32 into a fused multiply-add"
    if in_float and calls_pow and "fma.rn.f32" not in text:
        yield "calls no pow, must not be in this program's list"
    if not is_float32(name) and not is_mixed(name):
        return
    if re.search(r"\b(ld|st)\.local\b", text) or ".local " in text:
        yield "has local memory"
    if narrow := re.search(r"\b(?:ld|st)\.(?!global|param|shared|const)[.\w]+", text):
        yield f"accesses memory of which it does not know that it is global: {narrow[0]}"
    if walks(name) and not re.search(r"\bld\.global(\.nc)?\.v4\.\w32\b", text):
        yield "never reads 16 bytes at a time"
    if writes_parameters(name) and not re.search(r"\bst\.global\.v4\.\w32\b", text):
        yield "never writes 16 bytes at a time"


def ptxas_faults(said):
    """(name, fault) of the kernels that must not spill and do."""
    pattern = r"Compiling entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores"
    for name, frame, spilled in re.findall(pattern, said, re.DOTALL):
        if is_float32(name) and (frame, spilled) != ("0", "0"):
            yield name, f"has {frame} bytes of stack, and spills {spilled} bytes"


def kernels_of(listing):
    """(name, lines) of each kernel of a disassembly."""
    parts = re.split(r"^\.text\.(\w+):$", listing, flags=re.MULTILINE)
    return [(name, code.split("\n")) for name, code in zip(parts[1::2], parts[2::2])]


def loops_of(lines):
    """The lines from the target of each branch backwards to the branch."""
    labels = {}
    for at, line in enumerate(lines):
        if label := re.match(r"(\.L_x_\d+):", line):
            labels[label[1]] = at
        elif (branch := re.search(r"\bBRA\b.*`\((\.L_x_\d+)\)", line)) and branch[1] in labels:
            yield lines[labels[branch[1]]:at]


def machine_faults(name, lines):
    """What is wrong with the machine code of a kernel in float32, or of fewer bits."""
    if is_float32(name) and any(re.search(r"\b(LDL|STL)\b", line) for line in lines):
        yield "touches local memory"
    if any(re.search(r"\b(LD|ST)\.E\b", line) for line in lines):
        yield "accesses memory of which it does not know that it is global"
    if not walks(name) or is_mixed(name):
        return
    wide = [loop for loop in loops_of(lines) if any("LDG.E.128" in line for line in loop)]
    if not wide:
        yield "has no loop that reads 16 bytes at a time"
    for loop in wide:
        narrow = [line for line in loop if re.search(r"\b(LDG|STG)\.E\b(?!\S*\.128)", line)]
        if narrow:
            yield f"has a loop over whole vectors with {narrow[0].strip()}"
        if writes_parameters(name) and not any("STG.E.128" in line for line in loop):
            yield "has a loop over whole vectors that writes none of them"


def look_at(headers, architecture, folder, nvdisasm):
    """The faults of the kernels of some headers, and how many kernels they have."""
    stem = folder / f"{headers[0]}-{architecture}"
    twin, ptx, cubin = (stem.with_suffix(end) for end in (".cu", ".ptx", ".cubin"))
    each = ("DESCENT_COMPILE(descent::{})\n" if architecture == ALL
            else "template void descent::engine::cuda::use<descent::{}>();\n")
    text = "".join(f"#include <descent/optim/{header}.h>\n" for header in headers)
    text += "#include <descent/optim/engine/compile.h>\n" if architecture == ALL else IN_FLOAT32
    for header in headers:
        text += "".join(map(each.format, RULE.findall((ROOT / "optim" / f"{header}.h").read_text())))
    twin.write_text(text)
    nvcc(*OPTIONS, f"-arch=compute_{architecture}", "-ptx", "-o", ptx, twin)
    kernels = entries_of(ptx.read_text())
    if not kernels:
        return [], 0  # an algorithm on whole tensors
    said = nvcc(f"-arch=sm_{architecture}", "-Xptxas=-v", "-cubin", "-o", cubin, ptx)
    faults = [(name, what) for name, text in kernels for what in ptx_faults(name, text)]
    faults += ptxas_faults(said)
    if said.count("Compiling entry function") != len(kernels):
        raise SystemExit(f"ptxas does not speak of the {len(kernels)} kernels of {ptx}:\n{said}")
    if nvdisasm:
        listing = subprocess.run([nvdisasm, "-c", cubin], check=True, capture_output=True, text=True)
        found = kernels_of(listing.stdout)
        if len(found) != len(kernels):
            raise SystemExit(f"{cubin} has {len(found)} kernels, {ptx} has {len(kernels)}")
        faults += [(name, what) for name, lines in found if is_float32(name) or is_mixed(name)
                   for what in machine_faults(name, lines)]
    print(f"{' '.join(headers)}: {len(kernels)} kernels for sm_{architecture}", flush=True)
    return [f"sm_{architecture} {readable(name)} {what}" for name, what in faults], len(kernels)


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    listed = re.findall(r"^#include <descent/optim/([a-z0-9_]+)\.h>$",
                        (ROOT / "include/descent/optim.h").read_text(), re.MULTILINE)
    headers = sys.argv[2:] or listed
    nvdisasm = disassembler()
    jobs = [([header], ALL) for header in headers]
    jobs += [(headers[i:i + TOGETHER], FLOAT32) for i in range(0, len(headers), TOGETHER)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        results = list(threads.map(lambda job: look_at(*job, folder, nvdisasm), jobs))
    faults = [fault for found, _ in results for fault in found]
    print("\n".join(faults))
    print(f"{sum(count for _, count in results)} kernels: {len(faults)} faults")
    if not nvdisasm:
        print("The machine code was not looked at: there is no nvdisasm (pip: nvidia-cuda-nvdisasm)")
    sys.exit(bool(faults))


main()
