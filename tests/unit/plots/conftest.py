"""Plots that are drawn as when they are shown, and closed after each test."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import PathPatch


@pytest.fixture(autouse=True)
def _closed_figures():
    """Leave no figure behind: matplotlib warns of many open ones."""
    yield
    plt.close("all")


@pytest.fixture
def ax():
    """An Axes of the caller."""
    return plt.figure(figsize=(8, 4.5), layout="constrained").add_subplot()


@pytest.fixture
def bars():
    """Return a function that draws an Axes, and returns the bars of each label: the middle of each, and its length."""

    def bars(ax):
        ax.figure.draw_without_rendering()
        along = 0 if ax.yaxis_inverted() else 1
        return {
            patch.get_label(): [
                (round(float(corners[:, 1 - along].mean()), 6), round(float(np.ptp(corners[:, along])), 6))
                for corners in patch.get_path().vertices.reshape(-1, 5, 2)[:, :4]
            ]
            for patch in ax.patches
            if isinstance(patch, PathPatch)
        }

    return bars


@pytest.fixture
def patches():
    """Return a function that returns the patches of bars, by label."""
    return lambda ax: {patch.get_label(): patch for patch in ax.patches if isinstance(patch, PathPatch)}


@pytest.fixture
def ticks():
    """Return a function that draws an Axes, and returns the labels of the ticks within its limits, by position."""

    def ticks(axis):
        axis.axes.figure.draw_without_rendering()
        low, high = sorted(axis.get_view_interval())
        labels = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
        return {place: label.get_text() for place, label in labels if low <= place <= high}

    return ticks
