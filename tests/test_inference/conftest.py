from tests.test_costs.conftest import (  # noqa: F401  fixtures
    model,
    scope,
    source,
    target,
)
