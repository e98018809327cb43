"""The image files that a path stands for."""
from pathlib import Path

from torchvision.datasets.folder import IMG_EXTENSIONS

from mmjtln.errors import require


def image_files(path: str | Path, recursive: bool = False) -> list[str]:
    """List the images of a folder by name, or return a file alone.

    Args:
        path (str | Path): A file, whatever its name, or a folder.
        recursive (bool): Whether to look into its folders. Defaults to False.

    Returns:
        list[str]: Paths that begin with ``path``.

    Raises:
        FileNotFoundError: If there is neither.
        ValueError: If a folder holds no image.
    """
    path = Path(path)
    if path.is_file():
        return [str(path)]
    require(path.is_dir(), 'Images are files or a folder of them',
            f'but there is no {path}', 'Correct the path', FileNotFoundError)
    files = sorted(
        str(file) for file in path.glob('**/*' if recursive else '*')
        if file.suffix.lower() in IMG_EXTENSIONS and file.is_file())
    require(files, 'A folder must hold images', f'but {path} has no file that '
            f'ends in one of {", ".join(IMG_EXTENSIONS)}'
            + ('' if recursive else ' directly in it'), 'Correct the path')
    return files
