"""A gauge that cannot be read is left out; training goes on."""

from octtutor.jobs.machine_load import gpu_load, read_machine_load


class LostError(Exception):
    """Stands for NVML's own error."""


class LostGpu:
    """A driver whose card has fallen off the bus."""

    NVMLError = LostError

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        raise LostError("GPU is lost")


def test_a_gpu_that_is_lost_is_left_out():
    assert gpu_load(LostGpu()) == {}


def test_cpu_and_memory_are_shares():
    gauges = read_machine_load()
    assert 0 <= gauges["cpu"] <= 1
    assert 0 < gauges["memory"] <= 1
