"""Random walks on a pattern graph, along its edges and against them.

Li et al. 2018, "Diffusion Convolutional Recurrent Neural Network", equation 2.
"""

import numpy as np

from informer.core.types import Floats, PatternGraph


def supports(graph: PatternGraph, diffusion_steps: int, nodes: int) -> Floats:
    """What diffusion multiplies with, [nodes, nodes * m], m = 1 + 2 * steps, the walks innermost.

    The identity, then 1..K steps of the random walk along the edges, then as many against them.
    `nodes` may exceed those of the graph: padding has no edges. A call tree has roots and leaves:
    a node without a degree in some direction has a row of zeros there, not a division by zero.
    """
    weight = np.zeros((nodes, nodes))
    weight[graph.edges[0], graph.edges[1]] = graph.weight
    walks = [np.eye(nodes)]
    for walk in (_transition(weight), _transition(weight.T)):
        power = np.eye(nodes)
        for _ in range(diffusion_steps):
            power = power @ walk
            walks.append(power)
    return np.stack(walks, axis=2).reshape(nodes, -1)


def _transition(weight: Floats) -> Floats:
    degree = weight.sum(axis=1, keepdims=True)
    walk: Floats = np.divide(weight, degree, out=np.zeros_like(weight), where=degree > 0)
    return walk
