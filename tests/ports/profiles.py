"""How many stories of a port are tried: a few that are always the same, or many that are not."""

from hypothesis import HealthCheck, Phase, settings

UNHURRIED = settings(
    settings.get_profile("perdure"),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
# One that fails is told as it was drawn: to shorten it takes longer than a quick test may.
FEW = settings(
    UNHURRIED,
    max_examples=25,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
)
MANY = settings(UNHURRIED, max_examples=500, stateful_step_count=50)
OFTEN = 20  # what is to happen in many happens so often at least
