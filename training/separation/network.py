"""The preview mask network in torch. `sideman.core.separation.backends.preview.network` runs the same graph in numpy."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class ConvBlock(nn.Module):
    def __init__(self, inputs, outputs, kernel=3, dilation=1, stride=1):
        super().__init__()
        pad = (kernel // 2, dilation)
        self.conv = nn.Conv2d(inputs, outputs, (kernel, 3), (stride, 1), pad, (1, dilation), bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class FrequencyMix(nn.Module):
    """Two linear layers over the frequency axis with a residual connection (TDF block, Choi et al. 2020)."""

    def __init__(self, bands, bottleneck):
        super().__init__()
        self.down = nn.Linear(bands, bottleneck)
        self.up = nn.Linear(bottleneck, bands)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x):
        return x + self.up(F.relu(self.down(x.transpose(2, 3)))).transpose(2, 3)


class MaskNetwork(nn.Module):
    """features [batch, 5, 224, windows] -> logits [batch, 4, 224, windows]; windows a multiple of 4."""

    def __init__(self, b=24, d=40, e=56):
        super().__init__()
        self.drop = 0.0
        self.enc0, self.enc1 = ConvBlock(6, b, 5, 1, 2), ConvBlock(b, b)
        self.enc2, self.mix2, self.enc3 = ConvBlock(b, d), FrequencyMix(56, 24), ConvBlock(d, d)
        self.mid0, self.mix3, self.mid1 = ConvBlock(d, e), FrequencyMix(28, 28), ConvBlock(e, e, 3, 2)
        self.mid2, self.mix4, self.mid3 = ConvBlock(e, e, 3, 4), FrequencyMix(28, 28), ConvBlock(e, e, 3, 8)
        self.red2, self.dec2 = nn.Conv2d(e, d, 1), ConvBlock(d, d)
        self.red1, self.dec1, self.out = nn.Conv2d(d, b, 1), ConvBlock(b, b), nn.Conv2d(b, 8, 1)
        self.register_buffer("position", torch.linspace(-1, 1, 224).view(1, 1, 224, 1))

    def forward(self, x):
        def drop(z):
            return F.dropout2d(z, self.drop, True) if self.drop else z

        def up(z):
            return F.interpolate(z, scale_factor=2, mode="nearest")

        x = torch.cat([x, self.position.expand(x.shape[0], 1, x.shape[2], x.shape[3])], 1)
        e1 = self.enc0(x)
        e1 = drop(e1 + self.enc1(e1))
        e2 = drop(self.enc3(self.mix2(self.enc2(F.avg_pool2d(e1, 2)))))
        h = drop(self.mix3(self.mid0(F.avg_pool2d(e2, 2))))
        h = h + self.mid1(h)
        h = self.mix4(h + self.mid2(h))
        h = drop(h + self.mid3(h))
        h = up(self.red1(self.dec2(up(self.red2(h)) + e2))) + e1
        z = self.out(h + self.dec1(h))
        n, _, bands, windows = z.shape
        return z.view(n, 4, 2, bands, windows).permute(0, 1, 3, 2, 4).reshape(n, 4, bands * 2, windows)


def folded(network: MaskNetwork) -> dict[str, np.ndarray]:
    """Batch norm folded into the convolutions, float16, under the names that the numpy network reads."""
    state = {k: v.detach().numpy() for k, v in network.state_dict().items()}
    out = {}
    for name in [k.removesuffix(".conv.weight") for k in state if k.endswith(".conv.weight")]:
        gain = state[f"{name}.norm.weight"] / np.sqrt(state[f"{name}.norm.running_var"] + 1e-5)
        out[f"{name}.weight"] = state[f"{name}.conv.weight"] * gain[:, None, None, None]
        out[f"{name}.bias"] = state[f"{name}.norm.bias"] - state[f"{name}.norm.running_mean"] * gain
    for name in ("red2", "red1", "out", "mix2.down", "mix2.up", "mix3.down", "mix3.up", "mix4.down", "mix4.up"):
        out[f"{name}.weight"], out[f"{name}.bias"] = state[f"{name}.weight"], state[f"{name}.bias"]
    return {k: v.astype(np.float16) for k, v in out.items()}


def known_inputs(name: str, weight: np.ndarray) -> np.ndarray:
    """Weights from before the network saw the long-term spectrum: two inputs more, which it does not look at yet."""
    if name != "enc0" or weight.ndim != 4 or weight.shape[1] == 6:
        return weight
    return np.insert(weight, [3, 3], 0, axis=1)


@torch.no_grad()
def unfolded(network: MaskNetwork, weights: dict[str, np.ndarray], features: torch.Tensor) -> None:
    """Load folded weights into a network for more training: each batch norm is set so that, on `features`, nothing changes."""
    blocks = {name: m for name, m in network.named_modules() if isinstance(m, ConvBlock)}
    plain = {name: m for name, m in network.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d)) and ".conv" not in name}
    for name, module in plain.items():
        module.weight.copy_(torch.tensor(weights[f"{name}.weight"].astype(np.float32)).view_as(module.weight))
        module.bias.copy_(torch.tensor(weights[f"{name}.bias"].astype(np.float32)))

    def set_norm(name):
        def hook(module, inputs, output):
            y = module.conv(inputs[0])
            mean, variance = y.mean((0, 2, 3)), y.var((0, 2, 3), unbiased=False)
            module.norm.running_mean.copy_(mean)
            module.norm.running_var.copy_(variance)
            module.norm.weight.copy_(torch.sqrt(variance + 1e-5))
            module.norm.bias.copy_(torch.tensor(weights[f"{name}.bias"].astype(np.float32)) + mean)
            return F.relu(module.norm(y))

        return hook

    network.eval()
    for name, block in blocks.items():
        block.conv.weight.copy_(torch.tensor(known_inputs(name, weights[f"{name}.weight"].astype(np.float32))))
    handles = [block.register_forward_hook(set_norm(name)) for name, block in blocks.items()]
    network(features)
    for h in handles:
        h.remove()
