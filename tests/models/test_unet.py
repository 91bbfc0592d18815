"""U-Net: segmentation-models-pytorch's, odd sizes, and where its skips meet."""

import pytest
import segmentation_models_pytorch as smp
import torch
from models.oracles import in_double, num_parameters, port, randomize_

from segutils.models.unet import UNet, UpBlock


def test_number_of_parameters_is_the_fields():
    assert num_parameters(UNet(21, backbone="resnet18")) == 14_331_109


@pytest.mark.parametrize("size", [(64, 96), (32, 160)])
def test_unet_resnet18_is_segmentation_models_pytorchs(size):
    theirs = smp.Unet("resnet18", encoder_weights=None, classes=21, decoder_interpolation="bilinear")
    randomize_(theirs).eval()
    ours = port(theirs, UNet(21, backbone="resnet18")).eval()
    theirs, ours, image = in_double(theirs, ours, torch.randn(2, 3, *size))
    with torch.no_grad():
        expected = theirs(image)
        assert expected.std() > 1e-3
        assert (ours(image)["out"] - expected).abs().max() <= 1e-6


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (75, 101), (180, 240)])
def test_every_map_meets_one_of_its_own_size(size):
    model = UNet(3, backbone="tiny").eval()
    met = []
    for module in model.modules():
        if isinstance(module, UpBlock):
            module.register_forward_hook(lambda module, inputs, output: met.append((inputs[1].shape, output.shape)))
    features = model.backbone(torch.randn(1, 3, *size))
    assert model(torch.randn(1, 3, *size))["out"].shape == (1, 3, *size)
    assert [fine[-2:] for fine, _ in met] == [features[name].shape[-2:] for name in ("high", "mid", "low", "stem")]
    assert all(fine[-2:] == after[-2:] for fine, after in met)


def test_the_decoder_uses_every_encoder_map():
    model = UNet(3, backbone="tiny").eval()
    features = {name: tensor.detach() for name, tensor in model.backbone(torch.randn(1, 3, 64, 64)).items()}
    logits = model.decode(features)
    for name in ("stem", "low", "mid", "high", "out"):
        changed = model.decode({**features, name: torch.zeros_like(features[name])})
        assert not torch.equal(changed, logits), name


def test_decoder_widths_can_be_chosen():
    wide, narrow = UNet(3, backbone="tiny"), UNet(3, backbone="tiny", decoder_channels=(32, 16, 16, 8, 8))
    assert num_parameters(narrow) < num_parameters(wide)
    assert narrow.eval()(torch.randn(1, 3, 64, 64))["out"].shape == (1, 3, 64, 64)
