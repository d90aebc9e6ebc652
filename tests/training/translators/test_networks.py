"""Generators and critics of translators: sizes, what they see, and which statistics they serve with."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from training.translators.discogan import EncoderDecoder, EncoderDecoderPlan
from training.translators.normalisation import freeze_statistics
from training.translators.patchgan import PatchCritic, PatchPlan
from training.translators.resnet import ResNetGenerator, ResNetPlan
from training.translators.unet import UNet, UNetPlan

GENERATORS: dict[str, Callable[[], nn.Module]] = {
    "unet": lambda: UNet(UNetPlan(halvings=3, width=8)),
    "unet-literal": lambda: UNet(UNetPlan(halvings=3, width=8, normalised="all", activation="leaky")),
    "unet-instance": lambda: UNet(UNetPlan(halvings=3, width=8, norm="instance")),
    "resnet": lambda: ResNetGenerator(ResNetPlan(width=8, blocks=3)),
    "resnet-resized": lambda: ResNetGenerator(ResNetPlan(width=8, blocks=1, halvings=3, resized=True)),
    "encoder-decoder": lambda: EncoderDecoder(EncoderDecoderPlan(halvings=3, width=8)),
}


def images(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def used(name: str) -> nn.Module:
    """A generator that has seen images and now serves: its statistics are no longer 0 and 1."""
    torch.manual_seed(0)
    generator = GENERATORS[name]()
    with torch.no_grad():
        for _ in range(3):
            generator(images(2, 3, 64, 64))
    return generator.eval()


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_keeps_the_size_of_images_of_all_sizes_that_it_names(name: str) -> None:
    generator = used(name)
    multiple, least = int(generator.multiple), int(generator.least)  # type: ignore[arg-type] # a module's attribute
    with torch.inference_mode():
        for height, width in ((least, least), (least + multiple, least + 3 * multiple)):
            made = generator(images(2, 3, height, width))
            assert made.shape == (2, 3, height, width)
            assert made.abs().max() <= 1


@pytest.mark.parametrize("name", GENERATORS)
def test_an_image_is_translated_alone_as_it_is_beside_others(name: str) -> None:
    generator, some = used(name), images(3, 3, 64, 64)
    with torch.inference_mode():
        together, alone = generator(some), torch.cat([generator(image[None]) for image in some])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-5)  # sums of the same floats in another order


@pytest.mark.parametrize(("name", "local"), [("unet", True), ("encoder-decoder", True), ("resnet", False)])
def test_tiles_can_be_translated_by_themselves_where_statistics_are_not_the_images_own(name: str, local: bool) -> None:
    generator, left = used(name), images(1, 3, 64, 256)
    other = left.clone()
    other[..., 192:] = -1  # farther away than three halvings see
    assert bool(generator.local) is local
    with torch.inference_mode():
        difference = (generator(left) - generator(other))[..., :64].abs().max()
    assert bool(difference == 0) is local


def test_the_papers_networks_have_the_papers_numbers_of_weights() -> None:
    def weights(network: nn.Module) -> float:
        return round(sum(weight.numel() for weight in network.parameters()) / 1e6, 2)

    with torch.device("meta"):
        assert weights(UNet()) == 54.41  # that of the public code, eight blocks each way
        assert weights(PatchCritic(PatchPlan(norm="batch"), channels=6)) == 2.77
        assert weights(ResNetGenerator()) == 11.37  # 11.38 there, with the biases that normalisation takes away


def test_the_reports_unet_normalises_every_block_and_has_seven_each_way() -> None:
    with torch.device("meta"):
        unet = UNet(UNetPlan(halvings=7, normalised="all", activation="leaky"))
    assert (len(unet.ways_in), len(unet.ways_out) + 1) == (7, 7)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in unet.modules()) == 7 + 6  # the last makes the image
    assert not any(isinstance(module, nn.ReLU) for module in unet.modules())


def test_skips_carry_what_the_narrowest_place_cannot() -> None:
    torch.manual_seed(0)
    unet = UNet(UNetPlan(halvings=4, width=8)).eval()
    nn.init.zeros_(unet.get_parameter("ways_out.0.1.weight"))  # nothing comes out of the middle
    with torch.inference_mode():
        made = unet(images(2, 3, 32, 32))
    assert (made[0] - made[1]).abs().max() > 1e-6


@pytest.mark.parametrize(("strided", "side"), [(1, 16), (2, 34), (3, 70)])
def test_an_answer_of_the_critic_sees_a_patch(strided: int, side: int) -> None:
    critic = PatchCritic(PatchPlan(width=4, strided=strided, norm="spectral"))
    seen = images(1, 3, 128, 128).requires_grad_()
    answers = critic(seen)
    middle = answers[0, 0, answers.shape[2] // 2, answers.shape[3] // 2]
    (gradient,) = torch.autograd.grad(middle, seen)
    rows, columns = gradient[0].abs().sum(0).nonzero(as_tuple=True)
    assert (int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1) == (side, side)


def test_the_cow_papers_critic_answers_with_a_map_of_16_x_16() -> None:
    with torch.device("meta"):
        critic = PatchCritic(PatchPlan(strided=4, ending="map"))
        assert critic(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 16, 16)
        assert critic.get_parameter("layers.12.weight").shape[1] == 512


def test_discogans_critic_gives_one_answer_for_64_pixels() -> None:
    critic = PatchCritic(PatchPlan(width=8, strided=4, ending="whole", norm="batch"))
    assert critic(images(2, 3, 64, 64)).shape == (2, 1, 1, 1)


def test_features_on_the_way_are_those_of_the_encoder_alone() -> None:
    generator, some = used("resnet"), images(2, 3, 32, 32)
    assert isinstance(generator, ResNetGenerator)
    with torch.inference_mode():
        made, seen = generator.translate(some)
        alone = generator.encode(some)
    assert torch.equal(made, generator(some))
    assert [layer.shape[1] for layer in alone] == [3, 16, 32, 32, 32] == list(generator.encoder_widths)
    for one, other in zip(seen, alone, strict=True):
        assert torch.equal(one, other)


def test_with_frozen_statistics_a_network_learns_with_what_it_will_serve_with() -> None:
    torch.manual_seed(0)
    generator, some = UNet(UNetPlan(halvings=2, width=8, dropout=0.0)), images(4, 3, 16, 16)
    learning = generator(some)
    freeze_statistics([generator], frozen=True)
    frozen = generator(some)
    assert not torch.equal(learning, frozen)
    assert torch.equal(frozen, generator.eval()(some))
    freeze_statistics([generator.train()], frozen=False)
    assert torch.equal(generator(some), learning)
