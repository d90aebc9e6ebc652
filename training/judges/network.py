"""The networks of judges: residual classifiers whose penultimate values are features of an image.

Features are the means of the last stage's channels, so they say what is in the image, not where.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18

from training.errors import TrainingError
from training.features.network import FeatureNetwork
from training.recipe import Recipe

LEAST_SIZE = 16
LARGE_SIZE = 48
"""Side from which on the first convolution halves the image."""


class JudgeNetwork(nn.Module):
    """A small one, three stages as in He et al., Deep Residual Learning for Image Recognition, 2016, section 4.2.

    Attributes:
        size: side in pixels that it computes at; other images are scaled to it.
        channels: 1 or 3.
        dimensions: of the features.
    """

    def __init__(self, classes: int, size: int, channels: int, *, width: int = 32, blocks: int = 1) -> None:
        super().__init__()
        self.size, self.channels, self.dimensions = size, channels, 4 * width
        stride = 2 if size >= LARGE_SIZE else 1
        stages: list[nn.Module] = [nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)]
        before = width
        for stage, after in enumerate((width, 2 * width, 4 * width)):
            stages += [Block(before, after, 2 if stage else 1), *(Block(after, after) for _ in range(blocks - 1))]
            before = after
        self.body = nn.Sequential(*stages, nn.BatchNorm2d(before), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(before, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes) of float32 images (n, channels, height, width) in -1..1."""
        return cast("Tensor", self.classifier(self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """float32 (n, dimensions), 0 and more.

        Raises:
            TrainingError: the images have another number of channels.
        """
        _check_channels(images, self.channels)
        return cast("Tensor", self.body(scaled(images, self.size)).mean((2, 3)))


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut, normalised before each (He et al., Identity Mappings, 2016)."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm2d(before), nn.ReLU())
        self.second = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
        )
        same = before == after and stride == 1
        self.shortcut = None if same else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        """(n, before, h, w) to (n, after, h / stride, w / stride)."""
        normal = self.first(values)
        return cast("Tensor", self.second(normal) + (values if self.shortcut is None else self.shortcut(normal)))


class ResNetJudge(nn.Module):
    """torchvision's ResNet-18 as a judge: for critics that start from a trained one, and as a stronger feature network.

    Attributes:
        size, channels, dimensions: as for `JudgeNetwork`.
        network: torchvision's, with its names of weights; grey images are shown to all three channels.
    """

    def __init__(self, classes: int, size: int, channels: int) -> None:
        super().__init__()
        self.size, self.channels, self.dimensions = size, channels, 512
        self.network = resnet18(weights=None, num_classes=classes)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """As `JudgeNetwork.forward`."""
        return cast("Tensor", self.network.fc(self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """As `JudgeNetwork.features`; images are normalised as torchvision's trained networks want it."""
        _check_channels(images, self.channels)
        shown = ((scaled(images, self.size) + 1) / 2).expand(-1, 3, -1, -1)
        layers = self.network
        values = layers.maxpool(layers.relu(layers.bn1(layers.conv1((shown - self.mean) / self.deviation))))
        for stage in (layers.layer1, layers.layer2, layers.layer3, layers.layer4):
            values = stage(values)
        return cast("Tensor", values.mean((2, 3)))


AnyJudge = JudgeNetwork | ResNetJudge | FeatureNetwork


def scaled(images: Tensor, size: int) -> Tensor:
    """Square images of a side; smaller ones are the mean of what they show, so that fine patterns do not alias."""
    if images.shape[2:] == (size, size):
        return images
    return functional.interpolate(images, (size, size), mode="bilinear", antialias=True)


def build_judge(found: Recipe) -> AnyJudge:
    """The network of a judge's recipe; its weights are drawn from torch's generator.

    `model.name` is "judge", with the options "width", channels of the first stage, and "blocks" of each stage;
    "judge-resnet18", without options; or "judge-features", whose features dreams and styles are made of, with "width",
    "stages", "blocks", the convolutions of each stage, and "frozen" = 1 where they are to stay random.

    Raises:
        TrainingError: there is no such network or option, or a size that it cannot take.
    """
    model, data = found.model, found.data
    options = {name: value for name, value in model.options.items() if isinstance(value, int) and value > 0}
    known = {
        "judge": {"width", "blocks"},
        "judge-resnet18": set[str](),
        "judge-features": {"width", "stages", "blocks", "frozen"},
    }
    if model.name not in known:
        raise TrainingError(f"model.name: there is no judge '{model.name}'; there are {', '.join(known)}")
    if model.options.keys() - known[model.name] or len(options) < len(model.options):
        raise TrainingError(
            f"model.options = {model.options}: '{model.name}' has "
            + (f"{', '.join(sorted(known[model.name]))}, whole numbers from 1 on" if known[model.name] else "none")
        )
    if model.size < LEAST_SIZE:
        raise TrainingError(f"model.size = {model.size}: a judge needs images of at least {LEAST_SIZE} pixels")
    if model.name == "judge":
        return JudgeNetwork(len(data.classes), model.size, data.channels, **options)
    if model.name == "judge-features":
        return FeatureNetwork(len(data.classes), model.size, **options)
    return ResNetJudge(len(data.classes), model.size, data.channels)


def _check_channels(images: Tensor, channels: int) -> None:
    if images.shape[1] != channels:
        raise TrainingError(f"a judge of images with {channels} channels was given {images.shape[1]}")
