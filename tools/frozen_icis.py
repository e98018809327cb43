"""A head by two small networks, between names and weights (ICIS)."""
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

# The published width; of it and narrower ones, and of rates from 3e-4 to 3e-2,
# the best for held-out classes of ImageNet's head, with three draws of them.
_WIDTH, _RATE, _BATCH = 2048, 1e-2, 64
_MOST = 50  # Epochs.


def icis(source: np.ndarray, target: np.ndarray, weights: np.ndarray,
         seed: int = 0) -> np.ndarray:
    """Say what weights go with the names of the target.

    A network encodes and decodes vectors of names, another weights, with one
    hidden layer each. By the cosine each is to come out of its own code and
    of the other's. All classes are trained on for as many epochs as are best
    for a tenth of the source classes, held out first; no image has a say.

    Source: A. Christensen et al., "Image-free Classifier Injection for
    Zero-Shot Classification", ICCV 2023.

    Args:
        source (np.ndarray): Unit vectors of the names, shape (L_s, E).
        target (np.ndarray): Likewise, shape (L_t, E).
        weights (np.ndarray): Weights of the source head, shape (L_s, D).
        seed (int): Of weights, batches and classes held out. Defaults to 0.

    Returns:
        np.ndarray: Shape (L_t, D), float64. Only directions mean something.
    """
    names, asked, rows = (torch.as_tensor(part).float()
                          for part in (source, target, weights))
    rng = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(names), generator=rng)
    held, kept = order.split([cut := -(-len(order) // 10), len(order) - cut])
    best, epochs = -2., 0
    for epoch, found in enumerate(
            _training(names[kept], rows[kept], names[held], rng), 1):
        near = float(cosine_similarity(found, rows[held]).mean())
        if near > best:
            best, epochs = near, epoch
        if epoch >= min(1.3 * epochs + 5, _MOST):
            break
    print(f'ICIS: cosine {best:.3f} with weights of classes held out, at '
          f'epoch {epochs}')
    found = next(islice(_training(names, rows, asked, rng), epochs - 1, None))
    return found.double().numpy()


def _training(names: Tensor, rows: Tensor, asked: Tensor,
              rng: torch.Generator) -> Iterator[Tensor]:
    """Yield the weights of the names that are asked for, after each epoch."""
    layers = [[nn.Linear(size, _WIDTH), nn.Linear(_WIDTH, size)]
              for size in (names.shape[1], rows.shape[1])]
    for layer in sum(layers, []):
        layer.weight.data = .02 * torch.randn(
            layer.weight.shape, generator=rng)
        layer.bias.data.zero_()
    optimizer = torch.optim.Adam(
        nn.ModuleList(sum(layers, [])).parameters(), _RATE)
    (encode, decode), (encode_row, decode_row) = layers
    while True:
        # Names without weights are to come out of their own code, too.
        for batch in torch.randperm(
                len(names) + len(asked), generator=rng).split(_BATCH):
            seen = batch[batch < len(names)]
            every = torch.cat([names, asked])[batch]
            pairs = [(decode(encode(every).relu()), every)]
            if len(seen):
                name, row = names[seen], rows[seen]
                code, other = encode(name).relu(), encode_row(row).relu()
                pairs += [(decode(other), name), (decode_row(code), row),
                          (decode_row(other), row)]
            optimizer.zero_grad()
            sum(1 - cosine_similarity(*pair).mean() for pair in pairs
                ).backward()
            optimizer.step()
        with torch.no_grad():
            yield decode_row(encode(asked).relu())
