"""The check that stops a run at a loss that is not finite."""
import torch
from mmengine.dist import get_dist_info
from mmengine.logging import MessageHub
from mmpretrain.structures import DataSample
from torch import Tensor

from mmjtln.domains import split


def check_losses(losses: dict[str, Tensor], inputs: Tensor,
                 scores: dict[str, Tensor | tuple],
                 data_samples: list[DataSample]) -> None:
    """Raise an error that says where a loss that is not finite comes from.

    To be called where the losses are made: before backward, so that no rank
    takes the step and no checkpoint is written of it. It waits for the device
    once; MMEngine waits for each logged value after the step anyway.

    Args:
        losses (dict[str, Tensor]): The terms, as ``loss`` returns them; those
            with ``loss`` in their name count.
        inputs (Tensor): The N images of the batch, shape (N, C, H, W).
        scores (dict): Each head's output on them, a tensor or several, N rows.
        data_samples (list[DataSample]): The N samples.

    Raises:
        FloatingPointError: If the sum of the terms is NaN or infinite. Names
            the iteration (as the log counts, from 1), the terms, and the
            images of the batch by path, or by index where they have none.
    """
    terms = {name: value.detach().mean() for name, value in losses.items()
             if 'loss' in name}
    if sum(terms.values()).isfinite():
        return
    # From here on the run is over and time does not matter.
    values = ', '.join(
        f'{name} is {value.item():.4g}' for name, value in terms.items())
    bad = [name for name, value in terms.items() if not value.isfinite()]
    raise FloatingPointError(
        f'Every loss must be finite, but {" and ".join(bad) or "their sum"} '
        f'{"are" if len(bad) > 1 else "is"} not{_place()}: {values}. The run '
        'stops before this step is taken, and the checkpoints are from '
        'before it. '
        f'{_origin(inputs, scores, data_samples)}If these images and their '
        'labels are sound, the network has diverged: lower the learning rate '
        'or clip gradients (`optim_wrapper`), in fp16 use bfloat16, and go on '
        'from the last checkpoint with --resume. The batch: '
        f'{_images(data_samples)}.')


def _place() -> str:
    """Say which iteration of the current run this is, if there is one."""
    hub = MessageHub.get_current_instance()
    place = ''
    if hub.get_info('iter') is not None:
        place = f' at iteration {hub.get_info("iter") + 1}'
        if hub.get_info('epoch') is not None:
            place += f' (epoch {hub.get_info("epoch") + 1})'
    rank, world_size = get_dist_info()
    return place + (f' on rank {rank}' if world_size > 1 else '')


def _origin(inputs: Tensor, scores: dict, data_samples: list) -> str:
    """Name the images with which alone something is wrong."""
    for what, tensors in (
            ('pixels', [inputs]),
            ('outputs of the heads',
             [part for output in scores.values() for part in
              ([output] if isinstance(output, Tensor) else output)])):
        finite = torch.stack([
            tensor.detach().flatten(1).isfinite().all(dim=1).cpu()
            for tensor in tensors
        ]).all(dim=0)
        if finite.all():
            continue
        if not finite.any():
            return f'The {what} are not finite on any image. '
        bad = [sample for sample, ok in zip(data_samples, finite.tolist(),
                                            strict=True) if not ok]
        return f'The {what} are not finite on {_images(bad)}. '
    return ''


def _images(data_samples: list) -> str:
    """List samples by domain and path, or index."""
    parts = []
    for domain, rows in split(data_samples).items():
        names = [str(data_samples[row].get('img_path') or
                     f'number {data_samples[row].get("sample_idx", "unknown")}'
                     ) for row in rows]
        if names:
            parts.append(f'{len(names)} {domain} images: {", ".join(names)}')
    return '; '.join(parts)
