"""JAX on one CPU thread: one process per pattern scales, threads inside one do not."""

import os

import jax

SINGLE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
NODES_APART = 4

# XLA reads its flags when the first array is made, so an import of this file is early enough.
if "xla_cpu_multi_thread_eigen" not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {SINGLE_THREAD}".strip()


def _configure(name: str, value: object) -> None:
    jax.config.update(name, value)  # type: ignore[no-untyped-call]  # JAX gives it no types


_configure("jax_platforms", "cpu")


def padded_nodes(nodes: int) -> int:
    """The next of some sizes (4, 8, 12, ...): patterns of alike size share compiled programs."""
    return max(1, -(-nodes // NODES_APART)) * NODES_APART
