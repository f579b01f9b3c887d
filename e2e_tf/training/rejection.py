"""Background rejection 1/ε_B with its interval, or a limit where no background passes."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Rejection", "rejection_of"]

# No background jet seen: at 95 % confidence fewer than -ln 0.05 were expected.
_UPPER_LIMIT_OF_NONE = -math.log(0.05)
_ONE_SIDED = 1.6449  # standard deviations below which 95 % of a normal distribution lie
_TAIL = 0.15865525393145707  # of a normal distribution beyond one standard deviation


@dataclass(frozen=True)
class Rejection:
    """Background rejection 1/ε_B at a signal efficiency.

    Attributes:
        value: 1/ε_B, or the lower limit at 95 % confidence.
        is_limit: no background passes and ``value`` is that limit.
        low, high: the central interval of 68.3 %; the limit itself and infinity for a limit.
    """

    value: float
    is_limit: bool
    low: float
    high: float


def rejection_of(passing: float, variance: float, n_background: float, spread: float = 0.0) -> Rejection:
    """1/ε_B with its interval, or its lower limit where no background passes.

    The passing jets are a Poisson number of (Σw)²/Σw² jets, each of weight Σw²/Σw, with the central interval of
    Garwood (Biometrika 28 (1936) 437); the scaled Poisson distribution is that of Bohm and Zech (Nucl. Instrum. Meth.
    A 748 (2014) 1). So few jets have a longer arm towards better rejection. What ``spread`` has beyond the counts,
    such as a threshold that is not known exactly, is added in quadrature to both arms.

    Args:
        passing: background efficiency ε_B, which negative weights can make negative.
        variance: Σw² of the background that passes over (Σw)² of all of it.
        n_background: background jets, see :func:`e2e_tf.training.roc.effective_count`.
        spread: standard error of ε_B over resampled events; 0 leaves that of the counts alone.

    Returns:
        The rejection. It is a limit where nothing passes, at ε_B below 3.0/n, or where what passes has a negative sum
        of weights.
    """
    if passing <= 1e-12:
        upper = max(_UPPER_LIMIT_OF_NONE / n_background, passing + _ONE_SIDED * math.sqrt(variance))
        limit = 1 / min(upper, 1.0)
        return Rejection(limit, True, limit, math.inf)
    from scipy.special import gammaincinv

    scale = variance / passing
    count = passing / scale
    beyond = math.sqrt(max(spread**2 - variance, 0.0))
    down = math.hypot(passing - scale * float(gammaincinv(count, _TAIL)), beyond)
    up = math.hypot(scale * float(gammaincinv(count + 1, 1 - _TAIL)) - passing, beyond)
    high = 1 / (passing - down) if passing > down else math.inf
    return Rejection(1 / passing, False, 1 / min(passing + up, max(1.0, passing)), high)
