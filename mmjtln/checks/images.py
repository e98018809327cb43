"""What must hold of a run's images, seen on a few of them."""
import torch
from mmengine.dataset import pseudo_collate
from mmengine.model import is_model_wrapper

from mmjtln.datasets import JointDataset, JointSampler
from mmjtln.datasets.contents import look_through, name_image, name_images
from mmjtln.domains import DOMAINS
from mmjtln.errors import refusal, require
from mmjtln.generators import kept_generators
from mmjtln.inference.domain_images import random_steps, steps_of

from .run import Run, domain_parts

#: A float above it is taken for a pixel of 0 to 255.
_NORMALISED = 20.


def judged_whole(run: Run) -> None:
    """Validation and test judge every image, without random transforms."""
    for split in run.judged:
        loader = getattr(run.runner, f'{split}_dataloader')
        sampler = loader.batch_sampler
        require(not isinstance(sampler, JointSampler)
                and not getattr(sampler, 'drop_last', False),
                f'The {split} loader must give every image once',
                f'but its {type(sampler).__name__} leaves some out',
                f"Set `{split}_dataloader.sampler=dict(type='DefaultSampler', "
                'shuffle=False)` and no `batch_sampler` or `drop_last`')
        parts = domain_parts(run.datasets[split]).values()
        for base in [base for part in parts for base in look_through(part)[0]]:
            found = random_steps(base.pipeline)
            require(not found, f'The {split} images are judged as they are',
                    f'but their pipeline is random ({", ".join(found)})',
                    f'Take that out of `{split}_dataloader.dataset`')


def images(run: Run) -> None:
    """The first image of each data set loads; all are of one kind."""
    kinds = {}
    for split, dataset in run.datasets.items():
        shapes = {}
        for domain, part in domain_parts(dataset).items():
            with kept_generators(), name_image(part, 0, f'{domain} {split}'):
                data = part[0]
            image = data.get('inputs') if isinstance(data, dict) else None
            if torch.is_tensor(image):
                shapes[domain] = tuple(image.shape)
                kinds[f'{domain} {split}'] = _kind(image, part)
        if isinstance(dataset, JointDataset):
            found = (f'{shape} of the {domain}'
                     for domain, shape in shapes.items())
            require(len(set(shapes.values())) < 2,
                    'Images of both domains stand in one batch and must have '
                    'one shape (channels, height, width)',
                    f'but the {split} pipelines give {" and ".join(found)}',
                    'Set `pipeline` of both, such as Resize')
        else:
            name_images(dataset, f'target {split}')
    found = (f'{kind} in the {name} images' for name, kind in kinds.items())
    require(len(set(kinds.values())) < 2, 'The network takes images of one '
            'number of channels, one type and range, and one order of colours',
            f'but there are {", ".join(found)}', 'Make the pipelines agree: '
            '`color_type` of LoadImageFromFile, RandomGrayscale(prob=1., '
            'keep_channels=...), Normalize or `to_rgb` in all or none')


def _kind(image: torch.Tensor, part: object) -> str:
    """Say what must be the same for all images: channels, type, colours."""
    kind = f'{image.shape[0]} channels of {str(image.dtype)[6:]}'
    if image.is_floating_point():
        largest = float(image.abs().max())
        kind += f' {"below" if largest < _NORMALISED else "above"} 20'
    flips = sum(bool(getattr(step, 'to_rgb', False)) for step in steps_of(
        look_through(part)[0][0].pipeline))
    return kind + (' in RGB' if flips % 2 else '')


def rehearsal(run: Run) -> None:
    """A few images of each domain go through the network and its losses."""
    runner, model, data = run.runner, run.model, run.data
    sampler = runner.train_dataloader.batch_sampler
    if is_model_wrapper(runner.model) and not isinstance(
            runner.model, torch.nn.parallel.DistributedDataParallel):
        return  # No rank can run a sharded model alone.
    starts = dict(zip(DOMAINS, (0, data.source_length), strict=True))
    indices = [starts[domain] + i for domain in DOMAINS
               for i in range(min(2, sampler.per_batch[domain],
                                  len(getattr(data, domain))))]
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    collate = runner.train_dataloader.collate_fn or pseudo_collate
    with kept_generators():
        samples = [data[index] for index in indices]
        try:
            if model.ot_loss is not None and not model.ot_loss.has_cost:
                model.ot_loss.set_cost(torch.rand(
                    model.ot_loss.cost.shape, generator=torch.Generator()))
            with runner.optim_wrapper.optim_context(model):
                batch = model.data_preprocessor(collate(samples), True)
                losses = model.parse_losses(model.loss(**batch))[0]
            losses.backward()
        except Exception as error:
            raise refusal(
                'A training step must be possible before the first one',
                f'but the first images of `train_dataloader.dataset` fail: '
                f'{type(error).__name__}: {error}', 'Make `model`, '
                '`data_preprocessor` and the pipelines fit') from error
        finally:
            for parameter in model.parameters():
                parameter.grad = None
            for name, value in model.named_buffers():
                value.data.copy_(buffers[name])
