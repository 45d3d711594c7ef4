"""For tests, of this program and of parts that others write for it; the product imports none of it.

`MemoryStore` holds records in memory. `octtutor.testing.stores` has the suite that every store
passes; it needs pytest.
"""

from octtutor.testing.memory import MemoryStore

__all__ = ["MemoryStore"]
