"""What single codes meet under the built-in profiles."""

from support.rows import each

from mockservers.faults import Serve, Status
from mockservers.plan import fate
from mockservers.profiles import PROFILES

AT_ONCE, LATE = Serve(), Serve(delay_s=0.5)


@each(
    ("label", "code", "expected"),
    [  # with the percent at which the code falls, hard by an edge
        ("ERROR", "DS", Status((501,))),  # 24.76
        ("ERROR", "GT", Status((502,))),  # 24.15
        ("ERROR", "XX", Status((503,))),  # 24.56
        ("ERROR", "MA", LATE),  # 25.51
        ("ERROR", "PU", LATE),  # 74.78
        ("ERROR", "VM", AT_ONCE),  # 75.10
        ("DELAY", "WO", LATE),  # 0.05
        ("DELAY", "DL", LATE),  # 99.97
        ("LOCAL", "BR", AT_ONCE),
    ],
)
def test_a_code_at_the_edge_meets_what_the_shares_of_its_server_give_it(label, code, expected):
    assert fate(PROFILES[label], label, code, 1) == expected
