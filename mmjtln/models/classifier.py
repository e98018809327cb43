"""The Joint Transfer Learning Network: a stock classifier, a second head."""
from typing import Any

import torch
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmjtln.domains import DOMAINS, SOURCE, TARGET, split
from mmjtln.errors import check_choice, require
from mmjtln.heads.logits import (
    head_scores,
    label_marginal,
    logits_of,
    take_rows,
)
from mmjtln.registry import MODELS

from .data_preprocessor import joint_preprocessor
from .head_config import check_head, joint_heads
from .losses import LossWeight, check_losses, loss_terms


@MODELS.register_module()
class JTLNClassifier(ImageClassifier):
    r"""Joint Transfer Learning Network (Lu, Chen and Saidi 2017,
    arXiv:1709.02995).

    A stock :class:`~mmpretrain.models.ImageClassifier` whose ``head`` is the
    target classifier, plus a ``source_head`` on the same features and an
    optimal-transport loss between the two heads' predictions. It minimises

    .. math::
        \overline{CE}(y^t, f_t(F(x^t)))
        + \lambda_s \overline{CE}(y^s, f_s(F(x^s)))
        + \lambda_{ot} \overline{W_\varepsilon}(p(x), q(x); C)

    where the bars are means over the batch's target images, its source images,
    and the images that ``ot_images`` names; :math:`p` and :math:`q` are the
    softmax outputs of the source and the target head. In testing only a data
    sample tagged ``domain='source'`` is judged by the source head.

    Args:
        backbone (dict): As in ``ImageClassifier``.
        neck (dict, optional): Likewise. Defaults to None.
        head (dict): The target head: any single-label head
            (:class:`~mmpretrain.models.ClsHead`) whose logits do not need the
            labels. Of a backbone with a classifier of its own under a bare
            ``ClsHead`` (VGG, InceptionV3) the last layer becomes the head.
        source_head (dict): What differs from ``head``: at least
            ``num_classes``. With a ``type`` it is a config on its own.
        ot_loss (dict, optional): Arguments of :class:`OTLoss`; its class
            counts are those of the heads. None trains jointly without the OT
            term. Defaults to ``dict()``, its defaults.
        lambda_s (float | dict): Weight of the source cross entropy, a constant
            or the arguments of :class:`LossWeight`. With 0, batches need no
            source images, and a source head that the OT term does not train
            either is frozen. Defaults to 1.
        lambda_ot (float | dict): Weight of the OT term, likewise.
            Defaults to 1.
        ot_images (str): The images on which the OT term is taken: 'target',
            'source' or 'both'. Defaults to 'target'.
        own_marginal (str): The marginal of the domain that an image belongs
            to: its head's 'prediction' or the image's 'label'. The other
            domain's is always a prediction. Defaults to 'prediction'.
        data_preprocessor (dict, optional): As in ``ImageClassifier``; by
            default a :class:`JointDataPreprocessor`.
        **kwargs: As in ``ImageClassifier``.

    Raises:
        ValueError: If a head or its number of classes is missing, an option
            has an unknown value, or the OT term could reach no parameter.
        TypeError: If a head is no single-label head, or needs the labels.

    Note:
        The losses in training are ``target_loss``, ``source_loss`` and
        ``ot_loss`` (weighted), beside :class:`OTLoss`'s ``ot_cost`` and
        ``ot_error`` for the log. These are 0 while the OT term is off.
    """

    def __init__(self, backbone: dict, neck: dict | None = None,
                 head: dict | None = None, source_head: dict | None = None,
                 ot_loss: dict | None = dict(),  # noqa: B006
                 lambda_s: float | dict = 1., lambda_ot: float | dict = 1.,
                 ot_images: str = TARGET, own_marginal: str = 'prediction',
                 data_preprocessor: dict | None = None, **kwargs: Any) -> None:
        backbone, heads, self.backbone_classifier = joint_heads(
            backbone, neck, head, source_head)
        counts = self.class_counts = {
            domain: cfg['num_classes'] for domain, cfg in heads.items()}
        super().__init__(
            backbone, neck=neck, head=heads[TARGET],
            data_preprocessor=joint_preprocessor(data_preprocessor, counts),
            **kwargs)
        self.source_head = MMPRETRAIN_MODELS.build(heads[SOURCE])
        for name in ('head', 'source_head'):
            check_head(name, getattr(self, name))
        check_choice(ot_images, 'ot_images', '`model`',
                     (TARGET, SOURCE, 'both'))
        check_choice(own_marginal, 'own_marginal', '`model`',
                     ('prediction', 'label'))
        self.ot_domains = DOMAINS if ot_images == 'both' else (ot_images, )
        self.own_marginal = own_marginal
        self.lambda_s = LossWeight.from_cfg(lambda_s, 'lambda_s')
        self.lambda_ot = LossWeight.from_cfg(lambda_ot, 'lambda_ot')
        self.ot_loss: Any = self._build_ot_loss(ot_loss)
        if not self.trains_source_head:
            # Otherwise weight decay would change it, and distributed training
            # would wait for its gradients.
            self.source_head.requires_grad_(False)

    def _build_ot_loss(self, cfg: dict | None) -> nn.Module | None:
        """Build it for the heads' classes, and refuse one without effect."""
        if cfg is None:
            return None
        counts = {f'num_{domain}_classes': count
                  for domain, count in self.class_counts.items()}
        given = sorted(counts.keys() & cfg.keys())
        require(not given, 'The OT loss has the class counts of the heads',
                f'but `model.ot_loss` names {given}', 'Set `num_classes` of '
                '`model.source_head` and `model.head` alone')
        loss = MODELS.build({'type': 'mmjtln.OTLoss', **cfg, **counts})
        require(
            self.own_marginal == 'prediction'
            or self.ot_domains != (loss.grad_to, ),
            'The gradient of the OT term must go to a prediction',
            f'but with ot_images={loss.grad_to!r}, own_marginal=\'label\' and '
            f'ot_loss.grad_to={loss.grad_to!r} it would train nothing',
            'Change one of the three in `model`')
        return loss

    @property
    def trains_source_head(self) -> bool:
        """bool: Whether a loss reaches the source head in this run."""
        return self.lambda_s.value > 0 or (
            self.ot_loss is not None and self.lambda_ot.value > 0
            and self.ot_loss.grad_to != TARGET)

    def train(self, mode: bool = True) -> 'JTLNClassifier':
        """Set the mode; a frozen source head stays in evaluation mode."""
        super().train(mode)
        if not self.trains_source_head:
            self.source_head.eval()
        return self

    @property
    def heads(self) -> dict[str, nn.Module]:
        """dict[str, nn.Module]: The head of each domain."""
        return {TARGET: self.head, SOURCE: self.source_head}

    def logits(self, feats: tuple) -> dict[str, Tensor]:
        """Compute what each head predicts with, (N, classes) a domain."""
        return {domain: logits_of(scores)
                for domain, scores in self._scores(feats).items()}

    def _scores(self, feats: tuple) -> dict[str, Tensor | tuple]:
        """Compute what each head's loss is taken from."""
        return {domain: head_scores(head, feats)
                for domain, head in self.heads.items()}

    def loss(self, inputs: Tensor, data_samples: list[DataSample]) -> dict:
        """Compute the losses of a mixed batch (N, C, H, W), see the class.

        Raises:
            ValueError: If a domain that has a loss has no image.
            FloatingPointError: If a loss is not finite.
        """
        rows = split(data_samples)
        for domain in (TARGET, SOURCE) if self.lambda_s.value else (TARGET, ):
            require(rows[domain], 'Every training batch must hold images of '
                    'both domains', f'but this one has none of the {domain} '
                    'domain', 'Train on a JointDataset with a JointSampler, '
                    'or for a source without images set `model.lambda_s=0`')
        samples = {domain: [data_samples[row] for row in found]
                   for domain, found in rows.items()}
        rows = {domain: torch.tensor(found, dtype=torch.long,
                                     device=inputs.device)
                for domain, found in rows.items()}
        scores = self._scores(self.extract_feat(inputs))
        losses = {}
        for domain, head in self.heads.items():
            if samples[domain]:
                own = head._get_loss(
                    take_rows(scores[domain], rows[domain]), samples[domain])
                losses.update({f'{domain}_{k}': v for k, v in own.items()})
        if 'source_loss' in losses:
            losses['source_loss'] = self.lambda_s() * losses['source_loss']

        known_finite = False
        lambda_ot = self.lambda_ot()
        if self.ot_loss is not None and lambda_ot > 0:
            ot_loss, log = self._ot_term(scores, rows, samples,
                                         sum(loss_terms(losses).values()))
            known_finite = log.pop('finite', False)
            losses.update(ot_loss=lambda_ot * ot_loss, **log)
        elif self.ot_loss is not None:
            # The log would repeat the last values of a term that is off.
            losses.update(dict.fromkeys(
                ('ot_loss', 'ot_cost', 'ot_error'), inputs.new_zeros(())))
            if 'source_loss' not in losses and self.trains_source_head:
                # Distributed training needs every trained weight in every
                # step.
                losses['ot_loss'] = 0 * logits_of(scores[SOURCE]).sum()
        check_losses(losses, inputs, scores, data_samples, known_finite)
        return losses

    def _ot_term(self, scores: dict, rows: dict, samples: dict,
                 also: Any) -> tuple[Tensor, dict]:
        """Transport between the two marginals of each OT image."""
        def marginal(domain: str, image_domain: str) -> Any:
            if domain == image_domain and self.own_marginal == 'label':
                return label_marginal(
                    samples[domain], self.class_counts[domain],
                    as_class=len(self.ot_domains) == 1)
            return take_rows(logits_of(scores[domain]), rows[image_domain])

        return self.ot_loss.loss_and_log(*(
            torch.cat([marginal(domain, image) for image in self.ot_domains])
            for domain in (SOURCE, TARGET)), also)

    def predict(self, inputs: Tensor,
                data_samples: list[DataSample] | None = None,
                **kwargs: Any) -> list[DataSample]:
        """Predict target classes, or source classes of source samples.

        Images are (N, C, H, W), all of the target without ``data_samples``;
        options are those of the head's ``predict``.
        """
        feats = self.extract_feat(inputs)
        rows = split(data_samples or [None])
        for domain in DOMAINS:
            if not rows[domain]:
                other, = set(DOMAINS) - {domain}
                return self.heads[other].predict(feats, data_samples, **kwargs)
        found = list(data_samples or ())
        for domain, head in self.heads.items():
            predictions = head.predict(feats, **kwargs)
            for row in rows[domain]:
                found[row].set_pred_score(predictions[row].pred_score)
                found[row].set_pred_label(predictions[row].pred_label)
        return found
