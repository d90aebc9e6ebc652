"""Which pairs, or which two domains, a translator's run trains on, and which it is checked with."""

from training.data.domain_folder import domain_splits
from training.data.pair_folder import paired_splits
from training.data.rendered_classes import RENDERERS
from training.data.rendered_domains import rendered_domains
from training.data.rendered_pairs import rendered_pairs
from training.data.translated import PairedSplits, UnpairedSplits
from training.datasets import CACHE
from training.errors import TrainingError
from training.run import Run


def pairs_of(run: Run) -> PairedSplits:
    """The recipe's own pairs, made when they are not there yet, or those of the folder that `--data` names.

    Returns:
        Pairs of `data.width` x `data.height` pixels: inputs are of the first of `data.classes`, targets of the second.

    Raises:
        TrainingError: the recipe does not name two sides, or as `rendered_pairs` and `paired_splits`.
    """
    data = run.recipe.data
    _check_colours(run)
    if len(data.classes) != 2:
        raise TrainingError(f'data.classes = {list(data.classes)}: a pair has two sides, e.g. ["aerial", "map"]')
    return rendered_pairs(data, CACHE) if run.data is None else paired_splits(run.data, data)


def domains_of(run: Run) -> UnpairedSplits:
    """The recipe's own two domains, rendered when they are not there yet, or those of the folder that `--data` names.

    Returns:
        Images of `data.width` x `data.height` pixels: the domains are those of `data.classes`, in their order.

    Raises:
        TrainingError: the recipe does not name two domains, or as `rendered_domains` and `domain_splits`.
    """
    data = run.recipe.data
    _check_colours(run)
    if run.data is not None:
        return domain_splits(run.data, data)
    if data.source not in RENDERERS:
        raise TrainingError(
            f"data.source = '{data.source}': the domains are of {', '.join(RENDERERS)}; or name a folder with --data"
        )
    return rendered_domains(data, CACHE)


def _check_colours(run: Run) -> None:
    if run.recipe.data.channels != 3:
        raise TrainingError(
            f"data.channels = {run.recipe.data.channels}: translators take and make colours, 3 channels"
        )
