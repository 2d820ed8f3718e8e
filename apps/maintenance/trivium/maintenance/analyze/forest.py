"""A random forest (Breiman 2001) as plain arrays: grown by scikit-learn, kept as safetensors, read by NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Forest"]


@dataclass(frozen=True, slots=True)
class Forest:
    """Nodes of all trees, one after the other.

    Args:
        roots: (T,) int32, index of each tree's first node.
        feature: (M,) int32, column that a node asks for; -1 for a leaf.
        threshold: (M,) float64; a value up to it goes left.
        left, right: (M,) int32, index of the children.
        value: (M,) float32, share of failures among the training rows of the node.
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray, label: np.ndarray, *, seed: int, count: int, min_leaf: int, share: float) -> Forest:
        """Grow the trees.

        Args:
            x: (N, F) without NaN; compared as float32, as scikit-learn does.
            label: (N,) 0 or 1.
            min_leaf: rows that a leaf needs.
            share: of the columns that each split may choose from.
        """
        from sklearn.ensemble import RandomForestClassifier

        grown = RandomForestClassifier(count, min_samples_leaf=min_leaf, max_features=share, random_state=seed)
        trees = [one.tree_ for one in grown.fit(x.astype(np.float32), label > 0).estimators_]
        sizes = np.array([tree.node_count for tree in trees])
        roots = np.r_[0, np.cumsum(sizes)[:-1]].astype(np.int32)
        shares = [tree.value[:, 0, -1] / tree.value[:, 0].sum(axis=1) for tree in trees]
        return cls(
            roots,
            np.concatenate([np.maximum(tree.feature, -1) for tree in trees]).astype(np.int32),
            np.concatenate([tree.threshold for tree in trees]).astype(np.float64),
            np.concatenate([tree.children_left + root for tree, root in zip(trees, roots, strict=True)]).astype(
                np.int32
            ),
            np.concatenate([tree.children_right + root for tree, root in zip(trees, roots, strict=True)]).astype(
                np.int32
            ),
            np.concatenate(shares).astype(np.float32),
        )

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the mean share of failures in the leaves, (N,)."""
        columns = x.astype(np.float32)
        total = np.zeros(len(x))
        rows = np.arange(len(x))
        for root in self.roots:
            node = np.full(len(x), root)
            asks = self.feature[node] >= 0
            while asks.any():
                here, moving = node[asks], rows[asks]
                goes_left = columns[moving, self.feature[here]] <= self.threshold[here]
                node[asks] = np.where(goes_left, self.left[here], self.right[here])
                asks = self.feature[node] >= 0
            total += self.value[node]
        return total / len(self.roots)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return what the constructor takes."""
        return {name: np.ascontiguousarray(getattr(self, name)) for name in self.__dataclass_fields__}
