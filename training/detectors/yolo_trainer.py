"""ultralytics' trainer, changed where a run of ours needs it. Import it only after `yolo_package.prepare`."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from ultralytics.models.yolo.detect import DetectionTrainer

Scores = dict[str, float | None]


class YoloTraining(DetectionTrainer):
    """Trains one network. Its name has no "Trainer" in it: to those that have, ultralytics adds its reporting.

    Attributes:
        files: of the batch at hand; a mosaic adds three images to each of them.
        scores: of the last epoch.
    """

    ema: Any
    best_fitness: Any

    def __init__(
        self,
        arguments: Mapping[str, Any],
        evaluate: Callable[[nn.Module], Scores],
        weights: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Read the description of the data.

        Args:
            arguments: ultralytics' own; "resume" holds the checkpoint to go on from.
            evaluate: scores of a network on the held-out images; "mAP50-95" decides which epoch is best.
            weights: of every tensor of the network, to start from.
        """
        self.files: tuple[str, ...] = ()
        self.scores: Scores = {}
        self._evaluate = evaluate
        self._weights = weights
        super().__init__(overrides=dict(arguments))

    def check_resume(self, overrides: dict[str, Any]) -> None:
        """As ultralytics does, but the number of epochs may change: it takes all others from the checkpoint."""
        super().check_resume(overrides)  # type: ignore[no-untyped-call] # ultralytics is typed in part
        if self.resume:
            self.args.epochs = overrides["epochs"]

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
        """The network, new or with the weights to start from."""
        network = super().get_model(cfg=cfg, weights=weights, verbose=verbose)
        if self._weights is not None and not self.resume:
            network.load_state_dict(self._weights)
        return network

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """As ultralytics does; the files are remembered for whoever has to look at them."""
        self.files = tuple(batch["im_file"])
        return dict(super().preprocess_batch(batch))

    def validate(self) -> tuple[dict[str, float], float]:
        """Scores of the averaged weights, counted as for every other detector of ours instead of ultralytics' way."""
        self.scores = self._evaluate(self.ema.ema)
        self.ema.ema.eval()
        known = {name: value for name, value in self.scores.items() if value is not None}
        fitness = known.get("mAP50-95", 0.0)
        if self.best_fitness is None or fitness > self.best_fitness:
            self.best_fitness = fitness
        return known, fitness

    def final_eval(self) -> None:
        """Nothing: the best weights are known, and the last ones stay as they are, to go on from."""
