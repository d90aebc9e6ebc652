"""Each paper's losses: what the players descend is what the equations say, and what a recipe leaves out is left out."""

from collections.abc import Mapping
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.training.translators.examples import NAMES, batch_of, tiny
from training.adversarial.model import Turn
from training.errors import TrainingError
from training.recipe import load_recipe, recipe_names
from training.translators.batches import DomainBatch, PairBatch
from training.translators.cut import Cut, contrast
from training.translators.cyclegan import CycleGan
from training.translators.pix2pix import Pix2Pix
from training.translators.registry import build_generator, build_model, is_translator

L1 = functional.l1_loss


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)  # sums of the same floats in another order


def moved(turn: Turn, networks: Mapping[str, nn.Module]) -> dict[str, float]:
    """One step of a player: how much each of its networks changed."""
    weights = {name: [*network.parameters()] for name, network in networks.items()}
    before = {name: [weight.detach().clone() for weight in some] for name, some in weights.items()}
    optimiser = torch.optim.Adam([weight for some in weights.values() for weight in some], 1e-3)
    torch.stack([*turn.losses.values()]).sum().backward()  # type: ignore[no-untyped-call] # torch's own gap
    optimiser.step()
    return {
        name: max(float((new.detach() - old).abs().max()) for new, old in zip(some, before[name], strict=True))
        for name, some in weights.items()
        if some
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_turn_of_each_player_is_finite_and_changes_its_networks(name: str) -> None:
    torch.manual_seed(0)
    recipe = tiny(name)
    model, batch = build_model(recipe), batch_of(recipe)
    critic = model.critic_turn(batch, 0.0, 0)
    assert {"accuracy/real", "accuracy/fake", "spread/made"} <= set(critic.measures)
    changes = moved(critic, model.critics)
    generator = model.generator_turn(batch, 0.0, 0)
    changes |= moved(generator, {**model.generators, **model.helpers})
    assert min(changes.values()) > 0
    values = [*critic.losses.values(), *critic.measures.values(), *generator.losses.values()]
    assert torch.isfinite(torch.stack([value.detach().float() for value in values])).all()


def test_the_generator_of_pix2pix_descends_equation_4() -> None:
    torch.manual_seed(0)
    recipe = tiny("pix2pix-maps")
    model, batch = cast(Pix2Pix, build_model(recipe)), cast(PairBatch, batch_of(recipe))
    model.critic_turn(batch, 0.0, 0)
    losses = model.generator_turn(batch, 0.0, 0).losses
    made = model.generator(batch.inputs)
    answers = model.critic(torch.cat((batch.inputs, made), 1))
    close(losses["l1"], 100 * L1(made, batch.targets))
    close(losses["adversarial"], -functional.logsigmoid(answers).mean())


def test_without_its_critic_pix2pix_is_the_papers_row_l1() -> None:
    recipe = tiny("pix2pix-maps", model__options__adversarial=0)
    model, batch = build_model(recipe), batch_of(recipe)
    assert set(model.generator_turn(batch, 0.0, 0).losses) == {"l1"}


def test_cyclegan_descends_equation_3_and_the_identity_loss() -> None:
    torch.manual_seed(0)
    recipe = tiny("cyclegan-cow2horse")
    model, batch = cast(CycleGan, build_model(recipe)), cast(DomainBatch, batch_of(recipe))
    model.critic_turn(batch, 0.0, 0)
    losses = model.generator_turn(batch, 0.0, 0).losses
    x, y, forth, back = batch.first, batch.second, model.forth, model.back
    close(losses["cycle"], 10 * (L1(back(forth(x)), x) + L1(forth(back(y)), y)))
    close(losses["identity"], 5 * (L1(forth(y), y) + L1(back(x), x)))
    fooled = [(critic(made) - 1).square().mean() for critic, made in _seen_by_critics(model, batch)]
    close(losses["adversarial"], fooled[0] + fooled[1])


def test_each_critic_of_cyclegan_tells_its_own_domain_from_what_is_made_for_it() -> None:
    torch.manual_seed(0)
    recipe = tiny("cyclegan-cow2horse", model__options__pool=0)
    model, batch = cast(CycleGan, build_model(recipe)), cast(DomainBatch, batch_of(recipe))
    loss = model.critic_turn(batch, 0.0, 0).losses["adversarial"]
    wanted = torch.zeros(())
    for (critic, made), real in zip(_seen_by_critics(model, batch), (batch.second, batch.first), strict=True):
        wanted = wanted + ((critic(real) - 1).square().mean() + critic(made).square().mean()) / 2
    close(loss, wanted)


def _seen_by_critics(model: CycleGan, batch: DomainBatch) -> list[tuple[nn.Module, Tensor]]:
    return [(model.second_critic, model.forth(batch.first)), (model.first_critic, model.back(batch.second))]


@pytest.mark.parametrize(("left_out", "name"), [("cycle", "cycle"), ("identity", "identity")])
def test_an_ablation_of_cyclegan_leaves_its_loss_out(left_out: str, name: str) -> None:
    recipe = tiny("cyclegan-cow2horse", **{f"model__options__{left_out}": 0})
    losses = build_model(recipe).generator_turn(batch_of(recipe), 0.0, 0).losses
    assert {"adversarial", "cycle", "identity"} - set(losses) == {name}


def test_discogan_has_squares_for_its_cycle_and_no_identity() -> None:
    torch.manual_seed(0)
    recipe = tiny("discogan-cow2horse")
    model, batch = cast(CycleGan, build_model(recipe)), cast(DomainBatch, batch_of(recipe))
    for generator in model.generators.values():
        generator.eval()  # so that nothing depends on what was seen before
    losses = model.generator_turn(batch, 0.0, 0).losses
    assert set(losses) == {"adversarial", "cycle"}
    again = functional.mse_loss(model.back(model.forth(batch.first)), batch.first)
    close(losses["cycle"], again + functional.mse_loss(model.forth(model.back(batch.second)), batch.second))


def test_the_contrast_is_the_cross_entropy_of_finding_ones_own_place() -> None:
    queries, keys = (functional.normalize(torch.randn(2, 5, 4), dim=2) for _ in range(2))
    wanted = [
        torch.stack([-functional.log_softmax(keys[image] @ queries[image, at] / 0.07, 0)[at] for at in range(5)]).mean()
        for image in range(2)
    ]
    close(contrast(queries, keys, 0.07), torch.stack(wanted))


def test_cut_finds_patches_of_an_image_that_stays_and_not_of_another() -> None:
    torch.manual_seed(0)
    recipe = tiny("cut-cow2horse")
    model = cast(Cut, build_model(recipe))
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        given = model.generator.encode(images)
        places = [torch.arange(layer[0, 0].numel()) for layer in given]
        keys = model.projection(given, places)
        others = model.projection(model.generator.encode(images.flip(0)), places)
    for key, other in zip(keys, others, strict=True):
        assert contrast(key, key, 0.07).max() < contrast(other, key, 0.07).min()


def test_fastcut_leaves_the_second_domain_out() -> None:
    recipe = tiny("cut-cow2horse", model__options__same=0)
    losses = build_model(recipe).generator_turn(batch_of(recipe), 0.0, 0).losses
    assert set(losses) == {"adversarial", "patches"}


def test_statistics_are_frozen_after_their_share_of_the_steps_whatever_came_between() -> None:
    recipe = tiny("pix2pix-maps", model__options__freeze_from=0.5)
    model, batch = cast(Pix2Pix, build_model(recipe)), cast(PairBatch, batch_of(recipe))
    norms = [module for module in model.generator.modules() if isinstance(module, nn.BatchNorm2d)]
    model.critic_turn(batch, 0.4, 0)
    assert all(norm.training for norm in norms)
    for mode in (True, False):
        model.generator.train(mode)
        model.critic_turn(batch, 0.5, 0)
        assert not any(norm.training for norm in norms)


def test_every_ablation_of_a_recipe_can_be_built() -> None:
    for name in recipe_names():
        recipe = load_recipe(name, smoke=True)
        for changes in recipe.ablations.values() if is_translator(recipe) else ():
            assert build_model(load_recipe(name, smoke=True, overrides=changes)).generators


def test_generators_are_named_after_where_they_lead() -> None:
    assert [*build_model(tiny("cyclegan-cow2horse")).generators] == ["cow_to_horse", "horse_to_cow"]
    assert [*build_model(tiny("pix2pix-maps-back")).generators] == ["map_to_aerial"]
    with pytest.raises(TrainingError, match="cut-cow2horse has no generator 'horse_to_cow'; it has cow_to_horse"):
        build_generator(tiny("cut-cow2horse"), "horse_to_cow")


@pytest.mark.parametrize(
    ("name", "field", "value", "sentence"),
    [
        ("pix2pix-maps", "model.name", "unet", None),
        ("pix2pix-maps", "model.options.lambda", "3", "there is no field 'lambda'"),
        ("pix2pix-maps", "model.options.generator.norm", "layer", "generator.norm = 'layer'"),
        ("pix2pix-maps", "model.options.direction", "map_to_town", "'map_to_town': there are 'aerial_to_map' and"),
        ("pix2pix-maps", "model.size", "40", "model.size = 40: the generator of pix2pix-maps takes multiples of 16"),
        ("pix2pix-maps", "data.classes", '["map"]', r"data.classes = \['map'\]: a translator needs"),
        ("cyclegan-cow2horse", "adversarial.r1", "1", "adversarial.r1 = 1.0: translators have no gradient penalties"),
        ("cyclegan-cow2horse", "model.options.critic.ending", "square", "critic.ending = 'square'"),
        ("cut-cow2horse", "model.options.temperature", "0", "temperature = 0"),
    ],
)
def test_what_cannot_be_built_is_named(name: str, field: str, value: str, sentence: str | None) -> None:
    recipe = tiny(name, **{field: value})
    with pytest.raises(TrainingError, match=sentence or "there is no translator 'unet'; there are pix2pix, cyclegan"):
        build_model(recipe)
