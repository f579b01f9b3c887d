"""Nodes out of images, dense and sparse."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from e2e_tf.graph._kernels.compiled import kernel


@kernel
def occupied(images, threshold, by_channel):
    """Pixels above threshold as (image, row, column, channel), their counts, and whether all are finite."""
    n_images, rows, columns, channels = images.shape
    found = np.empty((max(16, n_images * 64), 4), np.int32)
    counts = np.zeros(n_images, np.int32)
    used = 0
    finite = True
    for image in range(n_images):
        before = used
        for row in range(rows):
            for column in range(columns):
                total = 0.0
                for channel in range(channels):
                    total += abs(np.float64(images[image, row, column, channel]))
                if total <= threshold:
                    continue
                if not total < np.inf:
                    finite = False
                if used + channels > len(found):
                    larger = np.empty((2 * len(found) + channels, 4), np.int32)
                    for i in range(used):
                        for j in range(4):
                            larger[i, j] = found[i, j]
                    found = larger
                for channel in range(channels if by_channel else 1):
                    if by_channel and not abs(np.float64(images[image, row, column, channel])) > threshold:
                        continue
                    found[used, 0] = image
                    found[used, 1] = row
                    found[used, 2] = column
                    found[used, 3] = channel
                    used += 1
        counts[image] = used - before
    return found[:used].copy(), counts, finite


@kernel
def _pixel(images, image, row, column, channel):
    if row < 0 or column < 0 or row >= images.shape[1] or column >= images.shape[2]:
        return 0.0
    return np.float64(images[image, row, column, channel])


@kernel
def _derivatives(images, image, row, column, channel, laplacian, hessian):
    """float64 arithmetic on float32 pixels, rounded to float32 at the end."""
    centre = _pixel(images, image, row, column, channel)
    up = _pixel(images, image, row - 1, column, channel)
    down = _pixel(images, image, row + 1, column, channel)
    left = _pixel(images, image, row, column - 1, channel)
    right = _pixel(images, image, row, column + 1, channel)
    corners = (
        _pixel(images, image, row + 1, column + 1, channel)
        + _pixel(images, image, row - 1, column - 1, channel)
        - _pixel(images, image, row + 1, column - 1, channel)
        - _pixel(images, image, row - 1, column + 1, channel)
    )
    laplacian[0] = up + down + left + right - 4.0 * centre
    hessian[0] = up + down - 2.0 * centre
    hessian[1] = left + right - 2.0 * centre
    hessian[2] = 0.25 * corners


@kernel
def fill(images, found, by_channel):
    n = len(found)
    width = 1 if by_channel else images.shape[3]
    values = np.empty((n, width), np.float32)
    laplacian = np.empty((n, width), np.float32)
    hessian = np.empty((n, width, 3), np.float32)
    for node in range(n):
        image, row, column = found[node, 0], found[node, 1], found[node, 2]
        for w in range(width):
            channel = found[node, 3] if by_channel else w
            values[node, w] = images[image, row, column, channel]
            _derivatives(images, image, row, column, channel, laplacian[node, w : w + 1], hessian[node, w])
    return values, laplacian, hessian


@kernel
def _sum_cells(cells, values, start, stop, sums, touched):
    """Add entries of one cell in float64, in their order; the number of cells above zero, put in touched."""
    count = 0
    for entry in range(start, stop):
        cell = cells[entry]
        if sums[cell] == 0.0 and values[entry] > 0.0:
            touched[count] = cell
            count += 1
        sums[cell] += values[entry]
    return count


@kernel
def hits(track, ecal, hcal, crystals, tower):
    """Nodes of sparse hits; each channel is (cell int32, value float32, offsets int64)."""
    n_jets = len(track[2]) - 1
    towers = crystals // tower
    middle = tower // 2
    window = np.zeros((1, crystals, crystals, 2), np.float32)
    coarse = np.zeros((1, towers, towers, 1), np.float32)
    sums = np.zeros(crystals * crystals, np.float64)
    seen = np.zeros(crystals * crystals, np.bool_)
    total = len(track[0]) + len(ecal[0]) + len(hcal[0])
    touched = np.empty(crystals * crystals, np.int64)
    nodes = np.empty(crystals * crystals, np.int64)
    cells = np.empty((total, 2), np.int32)
    energy = np.zeros((total, 3), np.float32)
    laplacian = np.zeros((total, 3), np.float32)
    hessian = np.zeros((total, 3, 3), np.float32)
    n_node = np.zeros(n_jets, np.int32)
    used = 0
    for jet in range(n_jets):
        count = 0
        for channel in range(3):
            if channel == 0:
                found = _sum_cells(track[0], track[1], track[2][jet], track[2][jet + 1], sums, touched)
            elif channel == 1:
                found = _sum_cells(ecal[0], ecal[1], ecal[2][jet], ecal[2][jet + 1], sums, touched)
            else:
                found = _sum_cells(hcal[0], hcal[1], hcal[2][jet], hcal[2][jet + 1], sums, touched)
            for i in range(found):
                cell = touched[i]
                if channel < 2:
                    window[0, cell // crystals, cell % crystals, channel] = sums[cell]
                    node = cell
                else:
                    row, column = cell // towers, cell % towers
                    coarse[0, row, column, 0] = sums[cell]
                    node = (row * tower + middle) * crystals + column * tower + middle
                sums[cell] = 0.0
                if not seen[node]:
                    seen[node] = True
                    nodes[count] = node
                    count += 1
        nodes[:count].sort()
        for i in range(count):
            row, column = nodes[i] // crystals, nodes[i] % crystals
            cells[used, 0], cells[used, 1] = row, column
            for c in range(2):
                energy[used, c] = window[0, row, column, c]
                _derivatives(window, 0, row, column, c, laplacian[used, c : c + 1], hessian[used, c])
            if row % tower == middle and column % tower == middle:
                row, column = row // tower, column // tower
                energy[used, 2] = coarse[0, row, column, 0]
                _derivatives(coarse, 0, row, column, 0, laplacian[used, 2:3], hessian[used, 2])
            used += 1
        for i in range(count):
            row, column = nodes[i] // crystals, nodes[i] % crystals
            seen[nodes[i]] = False
            window[0, row, column, 0] = 0.0
            window[0, row, column, 1] = 0.0
            coarse[0, row // tower, column // tower, 0] = 0.0
        n_node[jet] = count
    return cells[:used].copy(), n_node, energy[:used].copy(), laplacian[:used].copy(), hessian[:used].copy()
