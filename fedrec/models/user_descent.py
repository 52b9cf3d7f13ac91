"""Gradient descent of users through the perceptron of Eq. (1), as attacks run it on users that they make up.

The steps are so small that calls, not numbers, take the time. NumPy's calls cost a third of torch's, and all results go into memory
that is allocated once. Letters as in `fedrec.models.perceptron`, with one column for each of n users x T items.
"""

from collections.abc import Mapping

import numpy as np
from scipy.special import expit
from torch import Tensor

from fedrec.models.perceptron import Perceptron


class UserDescent:
    """Users [d, n] that descend the mean binary cross-entropy of their scores for T items, all with one label."""

    def __init__(self, users: Tensor, items: Tensor, scorer: Mapping[str, Tensor], label: float, learning_rate: float) -> None:
        layers, (n, n_items), kind = Perceptron.of(scorer), (len(users), len(items)), users.numpy().dtype
        biases = [bias.numpy()[:, None] for bias in layers.biases]
        weights = [weight.numpy() for weight in layers.others]
        self.users, self.label, self.n_items = users.numpy().T.copy(), label, n_items
        self.projection = layers.projection.numpy()[None]  # [1, h_L]
        self.into = layers.first_users.numpy().T.copy()  # [h, d]
        self.back = layers.first_users.numpy() * (-learning_rate / n_items)  # [d, h]
        self.of_items = (layers.first_items.numpy().T @ items.numpy().T + biases[0])[:, None]  # [h, 1, T]
        self.outputs, self.slopes, self.signs = ([np.empty((len(bias), n * n_items), kind) for bias in biases] for _ in range(3))
        self.derivative = np.empty((1, n * n_items), kind)
        self.by_user, self.change = np.empty((len(biases[0]), n), kind), np.empty_like(self.users)
        self.of_users = self.by_user[:, :, None]
        self.first, self.first_slopes = (part[0].reshape(len(part[0]), n, n_items) for part in (self.outputs, self.slopes))  # [h, n, T]
        self.upwards = list(zip(weights, biases[1:], self.outputs, self.outputs[1:], strict=False))
        self.downwards = list(zip(weights, self.outputs[1:], self.signs[1:], self.slopes[1:], self.slopes, strict=False))[::-1]

    def forward(self) -> None:
        """Compute z_1 = ReLU(W_1u' u + W_1v' v + b_1), z_l = ReLU(W_l' z_(l-1) + b_l), and sigmoid(h . z_L) - label."""
        np.matmul(self.into, self.users, out=self.by_user)
        np.maximum(np.add(self.of_users, self.of_items, out=self.first), 0, out=self.first)
        for weight, bias, before, output in self.upwards:
            np.maximum(np.add(np.matmul(weight.T, before, out=output), bias, out=output), 0, out=output)
        expit(np.matmul(self.projection, self.outputs[-1], out=self.derivative), out=self.derivative)
        if self.label:
            np.subtract(self.derivative, self.label, out=self.derivative)

    def backward(self) -> None:
        """Compute s_L = h e * [z_L > 0], s_(l-1) = W_l s_l * [z_(l-1) > 0], and step along -W_1u s_1, summed over the items."""
        np.multiply(self.projection.T, self.derivative, out=self.slopes[-1])
        for weight, output, sign, slope, before in self.downwards:
            np.matmul(weight, np.multiply(slope, np.sign(output, out=sign), out=slope), out=before)
        slope = np.multiply(self.slopes[0], np.sign(self.outputs[0], out=self.signs[0]), out=self.slopes[0])
        if self.n_items > 1:
            slope = np.add.reduce(self.first_slopes, axis=2, out=self.by_user)
        np.add(self.users, np.matmul(self.back, slope, out=self.change), out=self.users)
