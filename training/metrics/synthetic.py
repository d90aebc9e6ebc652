"""Train on synthetic, test on real: what generated images teach a classifier about real ones."""

from collections.abc import Iterator

from accelerate import Accelerator

from training.data.classified import ClassifiedImages, ClassifiedSplits
from training.judges.training import JudgeBatch, JudgeTask
from training.optimisation import learning_rate, set_learning_rate
from training.parts import seed_step
from training.recipe import Recipe


def synthetic_accuracy(
    made: ClassifiedImages, real: ClassifiedImages, recipe: Recipe, accelerator: Accelerator
) -> float:
    """Share of real images, 0..1, whose class is found by a classifier that never saw a real one.

    Ravuri and Vinyals 2019 ("Classification accuracy score for conditional generative models"): bad images, missing
    kinds of images and wrong classes all cost accuracy. To be set beside the accuracy of the judge, which is the same
    network trained in the same way on real images.

    Args:
        made: what is learned from, with the classes that were asked for.
        real: held-out images of the same classes.
        recipe: of the judge, whose network, settings and number of epochs are used.
        accelerator: of this process.

    Raises:
        TrainingError: a loss is not finite.
    """
    data = recipe.data.model_copy(update={"classes": made.classes})
    task = JudgeTask(recipe.model_copy(update={"data": data}), ClassifiedSplits(made, real), accelerator)
    steps = recipe.loop.epochs * task.steps_per_epoch
    for number, batch in enumerate(_batches(task, recipe.loop.epochs)):
        seed_step(recipe.loop.seed, number)
        for optimiser in task.optimisers.values():
            set_learning_rate(optimiser, learning_rate(recipe.optimiser, number, steps))
        task.step(batch, number)
    return float(
        task.evaluate()["accuracy"] or 0.0
    )  # of the last step: choosing by real images would be training on them


def _batches(task: JudgeTask, epochs: int) -> Iterator[JudgeBatch]:
    for epoch in range(epochs):
        yield from task.batches(epoch, 0)
