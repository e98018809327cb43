"""Going on within an endless stream of batches without loading the past."""

from mmengine.runner import IterBasedTrainLoop


class ResumedBatches:
    """The batches of an iteration-based loop from a later one on.

    A resumed :class:`~mmengine.runner.IterBasedTrainLoop` asks its iterator
    for all the batches of the past before the first of its own. This one
    answers None for those and then begins where the sampler's place is
    computed to be, so resuming takes no longer the later it happens.

    Args:
        loop (IterBasedTrainLoop): The loop, over a loader whose batch sampler
            is a :class:`~mmjtln.datasets.JointSampler`.
    """

    def __init__(self, loop: IterBasedTrainLoop) -> None:
        self.loop = loop
        self.past = loop.iter
        self.endless = type(loop.dataloader_iterator)

    def __iter__(self) -> 'ResumedBatches':
        return self

    def __next__(self) -> dict | None:
        if self.past:
            self.past -= 1
            return None
        if isinstance(self.endless, type):
            self._begin()
        return next(self.endless)

    def _begin(self) -> None:
        loader = self.loop.dataloader
        epoch, batch = divmod(self.loop.iter, len(loader))
        loader.batch_sampler.set_epoch(epoch, first_batch=batch)
        self.endless = self.endless(loader)
        self.endless._epoch = epoch  # It counts on from there.
