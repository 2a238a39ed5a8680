"""How many stories of a port are tried: a few that are always the same, or many that are not."""

from hypothesis import HealthCheck, settings

UNHURRIED = settings(
    settings.get_profile("perdure"),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
FEW = settings(UNHURRIED, max_examples=25, stateful_step_count=30, derandomize=True, database=None)
MANY = settings(UNHURRIED, max_examples=500, stateful_step_count=50)
OFTEN = 20  # what is to happen in many happens so often at least
