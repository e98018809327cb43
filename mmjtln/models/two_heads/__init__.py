"""How a stock classifier comes to have two heads, and what they give.

Open ``head_config`` first: the second head's config, laid over the first's.
``backbone_classifier`` frees a head that is part of its backbone, ``logits``
reads the outputs of any head.
"""
