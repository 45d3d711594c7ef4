"""How busy the machine is: CPU, memory, and NVIDIA GPUs where there are any."""

from functools import cache
from typing import Any

import psutil


def read_machine_load() -> dict[str, float]:
    """Return `cpu` and `memory`, and `gpu` and `gpu_memory` of the busiest GPU: in [0, 1].

    The first call of a process has no CPU load to compare with and gives 0.
    """
    gauges = {
        "cpu": psutil.cpu_percent() / 100,
        "memory": psutil.virtual_memory().percent / 100,
    }
    nvml = _nvml()
    return gauges | (gpu_load(nvml) if nvml else {})


def gpu_load(nvml: Any) -> dict[str, float]:
    """Return `gpu` and `gpu_memory` of the busiest card; nothing where NVML cannot say.

    Args:
        nvml: the module `pynvml`, or what behaves so.
    """
    try:
        cards = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
        load = [nvml.nvmlDeviceGetUtilizationRates(card).gpu / 100 for card in cards]
        memory = [nvml.nvmlDeviceGetMemoryInfo(card) for card in cards]
    except nvml.NVMLError:
        return {}
    if not cards:
        return {}
    return {"gpu": max(load), "gpu_memory": max(m.used / m.total for m in memory)}


@cache
def _nvml():  # type: ignore[no-untyped-def]
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None  # no NVIDIA driver here
    return pynvml
