"""The mean transport plan beside the cost, as training goes on."""
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmjtln.checks.run import jtln_model
from mmjtln.domains import DOMAINS
from mmjtln.inference.domain_images import DomainImages, check_pipeline
from mmjtln.inference.features import on_first_rank, run_over_images
from mmjtln.models import JTLNClassifier
from mmjtln.registry import HOOKS
from mmjtln.visualization.heatmap import draw_plan, try_drawing


@HOOKS.register_module()
class PlanVisualizationHook(Hook):
    """Draw the mean transport plan beside the cost after training epochs.

    The plan is that of the OT loss on training images, 20 of each class at
    most, of the domains the loss is taken on (``model.ot_images``), in eval
    mode and without augmentation. The picture goes through the runner's
    visualizer, such as to ``vis_data/vis_image/transport_plan_<epoch>.png``.

    Args:
        pipeline (list[dict] | dict): Transforms without random augmentation,
            normally the test pipeline; a dict with the keys ``source`` and
            ``target`` gives each domain its own.
    """

    # After the hooks that change model or cost matrix.
    priority = 'LOW'

    def __init__(self, pipeline: list | dict) -> None:
        check_pipeline(pipeline)
        self.pipeline = pipeline
        self.images: list[DomainImages] = []

    def before_train(self, runner: Runner) -> None:
        """Choose the images, the same for all pictures."""
        dataset = runner.train_dataloader.dataset
        self.images = [
            DomainImages(getattr(dataset, domain), domain, self.pipeline, 20)
            for domain in jtln_model(runner).ot_domains]

    def after_train_epoch(self, runner: Runner) -> None:
        """Draw, once there is a cost matrix."""
        model = jtln_model(runner)
        epoch, ot_loss = runner.epoch + 1, model.ot_loss
        if ot_loss is None or not ot_loss.has_cost:
            return
        # One rank works, and the visualizer draws on it alone.
        plan = on_first_rank(lambda: self.mean_plan(model)).numpy()
        dataset = runner.train_dataloader.dataset
        picture = try_drawing(
            draw_plan, plan, ot_loss.cost.cpu().numpy(),
            *(part.metainfo['classes']
              for part in (dataset.source, dataset.target)),
            f'mean plan, epoch {epoch}')
        if picture is not None:
            runner.visualizer.add_image('transport_plan', picture, step=epoch)

    def mean_plan(self, model: JTLNClassifier) -> torch.Tensor:
        """Return the mean plan over the chosen images, shape (L_s, L_t)."""
        logits = [self._logits(model, part) for part in self.images]
        source, target = (torch.cat(side) for side in
                          zip(*logits, strict=True))
        return model.ot_loss.transport(source, target).mean_plan().cpu()

    def _logits(self, model: JTLNClassifier,
                images: DomainImages) -> list[torch.Tensor]:
        """Compute the marginals of a domain's images, as logits."""

        def encode(inputs: torch.Tensor) -> torch.Tensor:
            logits = model.logits(model.extract_feat(inputs))
            return torch.cat([logits[domain] for domain in DOMAINS], dim=1)

        logits = list(run_over_images(
            model, images, encode, 'predictions').split(
                [model.class_counts[domain] for domain in DOMAINS], dim=1))
        if model.own_marginal == 'label':
            logits[DOMAINS.index(images.domain)] = torch.nn.functional.one_hot(
                torch.from_numpy(images.labels),
                model.class_counts[images.domain]).float().log()
        return logits
