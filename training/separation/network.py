"""The preview mask network in torch. `sideman.core.separation.backends.preview.network` runs the same graph in numpy."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

LOW_ROWS, LOW_BLOCKS = 32, 5


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
    """features [batch, 5, 224, windows] -> logits [batch, 4, 224, windows]; windows a multiple of 4.

    What follows the U-Net looks again at the lowest 64 bands at full resolution: a bass note and a kick share them.
    """

    def __init__(self, b=24, d=40, e=80, low=32):
        super().__init__()
        self.drop = 0.0
        self.enc0, self.enc1 = ConvBlock(6, b, 5, 1, 2), ConvBlock(b, b)
        self.enc2, self.mix2, self.enc3 = ConvBlock(b, d), FrequencyMix(56, 24), ConvBlock(d, d)
        self.mid0, self.mix3, self.mid1 = ConvBlock(d, e), FrequencyMix(28, 28), ConvBlock(e, e, 3, 2)
        self.mid2, self.mix4, self.mid3 = ConvBlock(e, e, 3, 4), FrequencyMix(28, 28), ConvBlock(e, e, 3, 8)
        self.mid4, self.mix5, self.mid5 = ConvBlock(e, e, 3, 16), FrequencyMix(28, 28), ConvBlock(e, e)
        self.red2, self.dec2 = nn.Conv2d(e, d, 1), ConvBlock(d, d)
        self.red1, self.dec1, self.out = nn.Conv2d(d, b, 1), ConvBlock(b, b), nn.Conv2d(b, 8, 1)
        self.low_in, self.low_out = nn.Conv2d(b, low, 1), nn.Conv2d(low, 8, 1)
        self.low = nn.ModuleDict({str(k): ConvBlock(low, low, 3, 2**k) for k in range(LOW_BLOCKS)})
        self.low_mix = nn.ModuleDict({str(k): FrequencyMix(LOW_ROWS, LOW_ROWS) for k in range(LOW_BLOCKS)})
        nn.init.zeros_(self.low_out.weight)
        nn.init.zeros_(self.low_out.bias)
        for block in (self.mid4, self.mid5):
            nn.init.constant_(block.norm.weight, 0.1)
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
        h = h + self.mid3(h)
        h = self.mix5(h + self.mid4(h))
        h = drop(h + self.mid5(h))
        h = up(self.red1(self.dec2(up(self.red2(h)) + e2))) + e1
        h = h + self.dec1(h)
        z, low = self.out(h), F.relu(self.low_in(h[:, :, :LOW_ROWS]))
        for k in self.low:
            low = drop(self.low_mix[k](low + self.low[k](low)))
        z = z + F.pad(self.low_out(low), (0, 0, 0, z.shape[2] - LOW_ROWS))
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
    for name in plain_layers(network):
        out[f"{name}.weight"], out[f"{name}.bias"] = state[f"{name}.weight"], state[f"{name}.bias"]
    return {k: v.astype(np.float16) for k, v in out.items()}


def plain_layers(network: MaskNetwork) -> dict[str, nn.Module]:
    return {name: m for name, m in network.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d)) and ".conv" not in name}


def widened(fresh: torch.Tensor, known: np.ndarray) -> torch.Tensor:
    """`known` weights in the corner of a larger layer: known outputs do not look at new inputs yet, new outputs start at chance."""
    out, old = fresh.clone(), torch.tensor(known.astype(np.float32)).view(known.shape + (1,) * (fresh.ndim - known.ndim))
    outputs = old.shape[0]
    out[:outputs] = 0
    out[tuple(slice(n) for n in old.shape)] = old
    return out


@torch.no_grad()
def unfolded(network: MaskNetwork, weights: dict[str, np.ndarray], features: torch.Tensor) -> None:
    """Load folded weights of this or a smaller network for more training: each batch norm is set so that, on `features`, nothing changes."""
    blocks = {name: m for name, m in network.named_modules() if isinstance(m, ConvBlock)}
    for name, module in plain_layers(network).items():
        if f"{name}.weight" in weights:
            module.weight.copy_(widened(module.weight, weights[f"{name}.weight"]))
            module.bias.copy_(widened(module.bias, weights[f"{name}.bias"]))

    def set_norm(name):
        def hook(module, inputs, output):
            y = module.conv(inputs[0])
            mean, variance = y.mean((0, 2, 3)), y.var((0, 2, 3), unbiased=False)
            module.norm.running_mean.copy_(mean)
            module.norm.running_var.copy_(variance)
            if f"{name}.bias" in weights:
                bias = torch.tensor(weights[f"{name}.bias"].astype(np.float32))
                module.norm.weight[: len(bias)] = torch.sqrt(variance + 1e-5)[: len(bias)]
                module.norm.bias[: len(bias)] = bias + mean[: len(bias)]
            return F.relu(module.norm(y))

        return hook

    network.eval()
    for name, block in blocks.items():
        if f"{name}.weight" in weights:
            block.conv.weight.copy_(widened(block.conv.weight, weights[f"{name}.weight"]))
    handles = [block.register_forward_hook(set_norm(name)) for name, block in blocks.items()]
    network(features)
    for h in handles:
        h.remove()
