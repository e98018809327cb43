"""The two domains of joint transfer learning and how samples name theirs.

A :class:`~mmpretrain.structures.DataSample` says its domain in the metainfo
field ``domain``; one that says nothing belongs to the target domain, which is
how a trained model treats images it meets outside training.
"""
SOURCE = 'source'
TARGET = 'target'
DOMAINS = (SOURCE, TARGET)


def domain_of(data_sample) -> str:
    """Return the domain of a data sample.

    Args:
        data_sample (DataSample | None): A sample, or None when nothing is
            known about the image.

    Returns:
        str: ``'source'`` or ``'target'``.
    """
    if data_sample is None:
        return TARGET
    return data_sample.get('domain', TARGET)
