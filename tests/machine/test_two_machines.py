"""The control API from another machine: two network namespaces, joined by a cable."""

import os
import shutil
import subprocess
import sys

import pytest
from support import TOP

TOOLS = ("unshare", "nsenter", "ip", "curl")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="needs root on Linux"),
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"),
]

TWO_MACHINES = """
set -e
trap 'kill $other $servers' EXIT
ip link set lo up
ip link add here type veth peer name there
ip addr add 10.9.8.1/24 dev here
ip link set here up
unshare -n sh -c 'echo up; exec sleep 60' > up & other=$!
until [ -s up ]; do sleep 0.01; done
ip link set there netns $other
nsenter -t $other -n ip addr add 10.9.8.2/24 dev there
nsenter -t $other -n ip link set there up
"$@" > ready & servers=$!
until [ -s ready ]; do sleep 0.01; done
for url in http://mock:8000/health http://10.9.8.1:8000/health http://evil.example:8000/health; do
    nsenter -t $other -n curl -s -o answer -w '%{http_code}\\n' $url \\
        --resolve mock:8000:10.9.8.1 --resolve evil.example:8000:10.9.8.1
done
"""


def test_another_machine_uses_the_control_api_by_its_address_and_by_a_name_that_was_given(tmp_path):
    serve = [sys.executable, "-m", "mockservers", "serve", "--ports", "auto", "--json"]
    serve += ["--control", "8000", "--control-host", "10.9.8.1", "--control-name", "mock"]
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", TWO_MACHINES, "sh", *serve], cwd=tmp_path, text=True,
        capture_output=True, check=True, timeout=60, env=os.environ | {"PYTHONPATH": str(TOP)},
    )  # fmt: skip
    assert done.stdout.split() == ["200", "200", "403"]
    assert done.stderr.startswith(
        "warning: the control API has no password; it listens on 10.9.8.1"
    )
