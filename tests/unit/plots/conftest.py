"""Plots that are drawn as when they are shown, and closed after each test."""

import matplotlib.pyplot as plt
import pytest


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
    """Return a function that draws an Axes, and returns the bars of each label: where each begins, and how long."""

    def bars(ax):
        ax.figure.draw_without_rendering()
        return {
            container.get_label(): [
                (patch.get_y(), patch.get_width())
                if container.orientation == "horizontal"
                else (patch.get_x() + (patch.get_width() / 2 if patch.get_width() < 1 else 0), patch.get_height())
                for patch in container
            ]
            for container in ax.containers
        }

    return bars


@pytest.fixture
def ticks():
    """Return a function that draws an Axes, and returns the labels of the ticks within its limits, by position."""

    def ticks(axis):
        axis.axes.figure.draw_without_rendering()
        low, high = sorted(axis.get_view_interval())
        labels = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
        return {place: label.get_text() for place, label in labels if low <= place <= high}

    return ticks
