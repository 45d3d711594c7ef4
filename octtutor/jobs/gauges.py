"""How busy the machine is: CPU, memory, and NVIDIA GPUs where there are any."""

from functools import cache

import psutil


def read_gauges() -> dict[str, float]:
    """Return `cpu` and `memory`, and `gpu` and `gpu_memory` of the busiest GPU: in [0, 1].

    The first call of a process has no CPU load to compare with and gives 0.
    """
    gauges = {
        "cpu": psutil.cpu_percent() / 100,
        "memory": psutil.virtual_memory().percent / 100,
    }
    return gauges | _gpu()


def _gpu() -> dict[str, float]:
    nvml = _nvml()
    if nvml is None:
        return {}
    cards = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
    try:
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
