"""Rule: no image that is judged was trained on, or chose the checkpoint."""
from collections.abc import Sequence

from .pictures import Picture


def overlap(first: Sequence[Picture], second: Sequence[Picture],
            first_name: str, second_name: str) -> str | None:
    """Say how many images two data sets share, by their content.

    Args:
        first (Sequence[Picture]): Images of the one.
        second (Sequence[Picture]): Images of the other.
        first_name (str): What to call it, such as ``'target train'``.
        second_name (str): Likewise.

    Returns:
        str | None: A sentence with an example, None if they share none.
    """
    known = {image.digest: image.name for image in first if image.digest}
    shared = [image for image in second if image.digest in known]
    if not shared:
        return None
    if len(shared) == len(first) == len(second):
        return (f'the {second_name} images are the {first_name} images. Set '
                'one of the two to other images.')
    pair = known[shared[0].digest], shared[0].name
    example = pair[0] if pair[0] == pair[1] else ' is '.join(pair)
    return (f'{len(shared)} of {len(second)} {second_name} images are '
            f'{first_name} images, too, such as {example}. Take them out of '
            'one of the two.')
