"""Exported models on one NVIDIA GPU: as exported, recorded, compiled, in float16; jets per second and agreement.

    python benchmarks/gpu/make_models.py          # once, where TensorFlow is; writes build/gpu
    python benchmarks/gpu/run.py [--models build/gpu] [--out FOLDER] [--minutes 7] [--batches 1 16 256 4096]
    python benchmarks/gpu/run.py --check          # without a GPU: that the graphs in PyTorch give the exported scores

Needs PyTorch with CUDA, onnx and onnxruntime, but no TensorFlow. For each model and batch size:

- ``ONNX Runtime``: with TensorRT and CUDA where this installation has them, else on the processor; ``fused attention``
  is the form that ``e2e-tf export --fused-attention`` writes, without TensorRT, which does not know its operation;
- ``as exported``: the nodes of the ONNX graph one by one in PyTorch, a kernel each, float32, as ONNX Runtime's CUDA
  provider runs them;
- ``recorded``: the same as one CUDA graph;
- ``compiled``: the same, fused by ``torch.compile``, as one CUDA graph;
- ``compiled, float16``: products in float16 with float32 accumulation, momenta, logarithms and sums in float32;
- ``compiled, float16, fused attention``: the same with softmax(q kᵀ + bias) v as one kernel, where the model has it.

TF32 is off. Scores of all are compared with those that ONNX Runtime gave on the processor where the models were made.
Times are medians of synchronised calls with inputs on the card. Each case runs until ``--minutes`` are over; what was
not reached is listed as such. Prints a table in Markdown and writes it with all numbers to FOLDER.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnx_torch import Graph  # beside this file

MODELS = ("gat_cheb", "tau_candidates", "particle_attention")
FUSED = "compiled, float16, fused attention"
FORMS = ("as exported", "recorded", "compiled", "compiled, float16", FUSED)
SECONDS = 0.4  # of repeated calls for one number


def median_ms(call: Callable[[], Any]) -> float:
    """Median time of a synchronised call in milliseconds."""
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        call()
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def recorded(call: Callable[..., torch.Tensor], inputs: list[torch.Tensor]) -> Callable[[], torch.Tensor]:
    """The call as a CUDA graph on the same inputs."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(2):
            call(*inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = call(*inputs)

    def replay() -> torch.Tensor:
        graph.replay()
        return output

    return replay


def half(call: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def run(*inputs: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cuda", torch.float16):
            return call(*inputs)

    return run


def form(name: str, graph: Graph, inputs: list[torch.Tensor]) -> Callable[[], torch.Tensor]:
    """A call without arguments that scores ``inputs``."""
    if name == "as exported":
        return lambda: graph(*inputs)
    if name == "recorded":
        return recorded(graph, inputs)
    run = half(graph) if "float16" in name else graph
    # One function object a case, so that nothing compiled for another shape is tried first.
    return recorded(torch.compile(lambda *x: run(*x), dynamic=False), inputs)


def providers(*without: str) -> list[str]:
    """The providers of ONNX Runtime that there are, the best first."""
    have = set(onnxruntime.get_available_providers()) - set(without)
    wanted = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
    return [name for name in wanted if name in have]


def runtime(path: Path, feeds: dict[str, np.ndarray]) -> tuple[str, float, np.ndarray]:
    """ONNX Runtime with the best provider there is: its name, milliseconds, scores."""
    fused = path.stem.endswith("_fused")
    chosen = providers("TensorrtExecutionProvider") if fused else providers()
    session = onnxruntime.InferenceSession(str(path), providers=chosen)
    used = session.get_providers()[0].removesuffix("ExecutionProvider") + ", fused attention" * fused
    (scores,) = session.run(None, feeds)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        session.run(None, feeds)
        times.append(1e3 * (time.perf_counter() - start))
    return f"ONNX Runtime {onnxruntime.__version__}, {used}", statistics.median(times), scores


def measure(models: Path, names: list[str], batches: list[int], minutes: float) -> list[dict[str, Any]]:
    end = time.monotonic() + 60 * minutes
    rows: list[dict[str, Any]] = []
    middle = sorted(batches)[len(batches) // 2]
    for name in names:
        stored = dict(np.load(models / f"{name}.npz"))
        expected = stored.pop("score")
        for batch in sorted(batches):
            take = np.arange(batch) % len(expected)
            feeds = {key: np.ascontiguousarray(value[take]) for key, value in stored.items()}
            largest = max(value.shape[-1] for value in feeds.values())
            on_card = providers()[0] != "CPUExecutionProvider"
            if on_card or batch * largest**2 <= 16 * 128**2:  # the processor takes minutes for more
                for path in (models / f"{name}.onnx", models / f"{name}_fused.onnx"):
                    if not path.is_file():
                        continue
                    try:
                        form_name, ms, scores = runtime(path, feeds)
                        rows.append(row(name, batch, form_name, ms, scores, expected[take]))
                    except Exception as error:  # such as memory; no reason to lose the others
                        first = str(error).strip().split("\n")[0][:160]
                        note = {"form": f"ONNX Runtime, {path.name}", "note": f"fails: {first}"}
                        rows.append({"model": name, "batch": batch, **note})
                    print(json.dumps(rows[-1]), flush=True)
            for kind in FORMS:
                # Compilation takes its minutes: what another form is there to explain is compiled for one size.
                attention = name == "particle_attention"
                if kind == FUSED and not attention:
                    continue
                if (kind == "compiled" or (kind == "compiled, float16" and attention)) and batch != middle:
                    continue
                if time.monotonic() > end:
                    rows.append({"model": name, "batch": batch, "form": kind, "note": "no time left"})
                    continue
                try:
                    torch._dynamo.reset()
                    graph = Graph(str(models / f"{name}.onnx"), feeds, "cuda")
                    if kind == FUSED and not graph.fuse_attention():
                        raise RuntimeError("no attention was found in the graph")
                    inputs = [torch.from_numpy(feeds[key]).cuda() for key in graph.inputs]
                    with torch.no_grad():
                        began = time.monotonic()
                        call = form(kind, graph, inputs)
                        scores = call().float().cpu().numpy()
                        ready = time.monotonic() - began
                        ms = median_ms(call)
                    rows.append(row(name, batch, kind, ms, scores, expected[take], ready))
                except torch.cuda.OutOfMemoryError:
                    rows.append(
                        {"model": name, "batch": batch, "form": kind, "note": "does not fit into memory"}
                    )
                except Exception as error:  # a form that fails is a result, and no reason to lose the others
                    first = str(error).strip().split("\n")[0][:160]
                    rows.append({"model": name, "batch": batch, "form": kind, "note": f"fails: {first}"})
                call = graph = inputs = None
                torch.cuda.empty_cache()
                print(json.dumps(rows[-1]), flush=True)
    return rows


def check(models: Path, names: list[str]) -> bool:
    """Print how far the graphs in PyTorch and the exported form of fused attention are from the scores.

    Returns:
        True within 1e-5, and where attention was found in ``particle_attention``.
    """
    worst = 0.0
    for name in names:
        stored = dict(np.load(models / f"{name}.npz"))
        expected = stored.pop("score")
        for jets in (1, 3, 8):
            feeds = {key: np.ascontiguousarray(value[:jets]) for key, value in stored.items()}
            graph = Graph(str(models / f"{name}.onnx"), feeds, "cpu")
            inputs = [torch.from_numpy(feeds[key]) for key in graph.inputs]
            difference = [float(np.abs(graph(*inputs).numpy() - expected[:jets]).max())]
            attentions = graph.fuse_attention()
            if attentions:
                difference.append(float(np.abs(graph(*inputs).numpy() - expected[:jets]).max()))
            print(
                f"{name}, {jets} jets, {attentions} fused attentions: "
                + ", ".join(f"{d:.1e}" for d in difference)
            )
            if (fused := models / f"{name}_fused.onnx").is_file():
                form_name, _, scores = runtime(fused, feeds)
                difference.append(float(np.abs(scores - expected[:jets]).max()))
                print(f"{name}, {jets} jets, {form_name}: {difference[-1]:.1e}")
            worst = max(worst, *difference)
            if name == "particle_attention" and not attentions:
                worst = float("inf")
    return worst < 1e-5


def row(
    name: str, batch: int, kind: str, ms: float, scores: np.ndarray, expected: np.ndarray, ready: float = 0.0
) -> dict[str, Any]:
    difference = float(np.abs(scores - expected).max())
    if not np.isfinite(scores).all():
        difference = float("nan")
    return {
        "model": name,
        "batch": batch,
        "form": kind,
        "ms": ms,
        "jets_per_s": 1e3 * batch / ms,
        "difference": difference,
        "ready_s": ready,
    }


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| model | jets at a time | form | ms | jets/s | against as exported | largest difference of scores |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        if "note" in r:
            lines.append(f"| {r['model']} | {r['batch']} | {r['form']} | {r['note']} | | | |")
            continue
        base = [
            b
            for b in rows
            if (b["model"], b["batch"], b["form"]) == (r["model"], r["batch"], "as exported") and "ms" in b
        ]
        ratio = f"{base[0]['ms'] / r['ms']:.2f}" if base else ""
        lines.append(
            f"| {r['model']} | {r['batch']} | {r['form']} | {r['ms']:.3g} | {r['jets_per_s']:,.0f} | {ratio} | "
            f"{r['difference']:.1e} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="See the head of this file.")
    parser.add_argument("--models", type=Path, default=Path(__file__).parents[2] / "build" / "gpu")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "build" / "gpu")
    parser.add_argument("--names", nargs="+", default=list(MODELS))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 256, 4096])
    parser.add_argument(
        "--check", action="store_true", help="compare scores on the processor, measure nothing"
    )
    parser.add_argument("--minutes", type=float, default=7.0)
    options = parser.parse_args()
    if options.check:
        raise SystemExit(0 if check(options.models, options.names) else 1)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    card = torch.cuda.get_device_name()
    head = f"{card}, PyTorch {torch.__version__}, CUDA {torch.version.cuda}, ONNX Runtime {onnxruntime.__version__}"
    rows = measure(options.models, options.names, sorted(options.batches), options.minutes)
    text = f"{head}\n\n{table(rows)}\n"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gpu.md").write_text(text, encoding="utf-8")
    (options.out / "gpu.json").write_text(
        json.dumps({"card": head, "rows": rows}, indent=1), encoding="utf-8"
    )
    print(text)


if __name__ == "__main__":
    main()
